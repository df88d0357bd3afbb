package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/slack-go/slack"
)

// Socket Mode is spoken here, and not by slack-go's client: that one keeps Slack's reason for an end to itself, is
// "connected" before Slack has said hello, and dials again at once, however short the last connection was.
// https://docs.slack.dev/apis/events-api/using-socket-mode

const (
	socketGreeting = 15 * time.Second // Slack says hello within that
	socketSteady   = time.Minute      // a connection that lasted less was short
	socketRest     = 30 * time.Second // for what still comes over a connection that is being replaced
	socketPauseMax = time.Minute      // between two tries
)

// listen keeps Socket Mode connected until Stop. After a steady connection it dials again at once; after a short one, or
// none, it waits, and twice as long each time.
func (b *Bot) listen() {
	for short := 0; b.ctx.Err() == nil; {
		end := b.connection()
		if b.ctx.Err() != nil {
			return
		}
		b.cfg.Observe("socket", end.reason)
		b.sockets.ended(end)
		if end.lasted >= socketSteady {
			short = 0
			b.log.Info("Socket Mode dials again", "reason", end.reason)
			continue
		}
		pause := max(end.after, socketPause(b.cfg.SocketPause, short))
		short++
		b.log.Error("Socket Mode is not connected: taps and commands don't arrive", "err", end, "retry_in", pause.Round(time.Millisecond))
		select {
		case <-time.After(pause):
		case <-b.ctx.Done():
		}
	}
}

// socketPause doubles with every short connection. Several bots that were cut off at once don't come back at once.
func socketPause(first time.Duration, short int) time.Duration {
	pause := socketPauseMax
	if short < 16 {
		pause = min(pause, first<<short)
	}
	return pause + rand.N(pause/4+1)
}

// connection makes one, and hears what comes over it until it ends, or Slack asks for another: then it is heard on beside
// that one, for what still comes.
func (b *Bot) connection() *socketEnd {
	conn, quiet, err := b.dialSocket()
	if err != nil {
		known := classify(err)
		return &socketEnd{reason: known.Reason, after: known.After, err: err}
	}
	ends := make(chan *socketEnd, 1)
	b.wg.Go(func() {
		b.hear(conn, quiet, func(end *socketEnd) {
			select {
			case ends <- end:
			default: // the one before it has been read, or will be
			}
		})
	})
	return <-ends
}

func (b *Bot) dialSocket() (*websocket.Conn, *silence, error) {
	_, address, err := b.api.StartSocketModeContext(b.ctx)
	if err != nil {
		return nil, nil, err
	}
	quiet := newSilence(b.ctx)
	conn, _, err := websocket.Dial(b.ctx, address, &websocket.DialOptions{
		HTTPClient:     b.cfg.Client,
		OnPingReceived: func(context.Context, []byte) bool { quiet.broken(); return true },
	})
	if err != nil {
		quiet.end()
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // without the address, which has a ticket in it
		}
		return nil, nil, fmt.Errorf("dialling the socket: %w", err)
	}
	conn.SetReadLimit(maxBody)
	return conn, quiet, nil
}

// hear reads until the connection ends, and calls end with the reason, perhaps once more after Slack has asked for another.
func (b *Bot) hear(conn *websocket.Conn, quiet *silence, end func(*socketEnd)) {
	defer func() { _ = conn.CloseNow() }()
	defer quiet.end()
	if why := b.greeting(quiet.ctx, conn); why != nil {
		end(why)
		return
	}
	since := time.Now()
	b.sockets.greeted()
	defer func() { b.sockets.left(time.Since(since)) }()
	for {
		e, err := readEnvelope(quiet.ctx, conn)
		if err != nil {
			end(&socketEnd{reason: socketCut, lasted: time.Since(since), err: err})
			return
		}
		quiet.broken()
		if e.Type != "disconnect" {
			b.socketEvent(quiet.ctx, conn, e)
			continue
		}
		why := e.end()
		why.lasted = time.Since(since)
		end(why)
		if why.reason != socketRefresh {
			return
		}
		defer time.AfterFunc(socketRest, quiet.end).Stop()
	}
}

// greeting waits for hello.
func (b *Bot) greeting(ctx context.Context, conn *websocket.Conn) *socketEnd {
	ctx, cancel := context.WithTimeoutCause(ctx, socketGreeting, errSocketSilent)
	defer cancel()
	e, err := readEnvelope(ctx, conn)
	switch {
	case err != nil:
		return &socketEnd{reason: socketCut, err: err}
	case e.Type == "disconnect":
		return e.end()
	case e.Type != "hello":
		return &socketEnd{reason: "other", err: fmt.Errorf("the first message is %.40q, and not hello", e.Type)}
	}
	b.log.Info("Socket Mode connected")
	b.cfg.Observe("socket", "connected")
	return nil
}

func readEnvelope(ctx context.Context, conn *websocket.Conn) (e envelope, err error) {
	if err = wsjson.Read(ctx, conn, &e); err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return e, err
}

// socketEvent acknowledges what it has stored or needs not, and nothing else: Slack tells the person then.
func (b *Bot) socketEvent(ctx context.Context, conn *websocket.Conn, e envelope) {
	if e.EnvelopeID == "" {
		return
	}
	if err := b.socketRequest(ctx, e); err != nil {
		b.log.Warn("not acknowledging a call of Slack's", "type", e.Type, "err", err)
		return
	}
	if err := wsjson.Write(ctx, conn, map[string]string{"envelope_id": e.EnvelopeID}); err != nil {
		b.log.Warn("acknowledging a call of Slack's", "err", err)
	}
}

func (b *Bot) socketRequest(ctx context.Context, e envelope) error {
	var in inbound
	var err error
	switch e.Type {
	case "interactive":
		in, err = parseInteraction(e.Payload)
	case "slash_commands":
		var c slack.SlashCommand
		if err = json.Unmarshal(e.Payload, &c); err == nil {
			in, err = parseCommand(c)
		}
	case "events_api":
		return b.socketHeard(ctx, e.Payload)
	default:
		return nil
	}
	if errors.Is(err, errIgnored) {
		b.cfg.Observe("inbound", "ignored")
		return nil
	}
	if err != nil {
		return err
	}
	err = b.accept(ctx, in)
	if errors.Is(err, errElsewhere) {
		b.cfg.Observe("refused", "other_workspace")
	}
	return err
}

func (b *Bot) socketHeard(ctx context.Context, payload []byte) error {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return err
	}
	if err := b.heard(ctx, e); err != nil { // acknowledged all the same: Slack would only repeat it
		b.log.Warn("not heeding an event", "event", e.Event.Type, "err", err)
		b.cfg.Observe("refused", "other_workspace")
	}
	return nil
}
