package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// socketRetry is the wait after Slack has refused the app token, which somebody may mend.
const socketRetry = 30 * time.Second

// listen keeps Socket Mode connected until Stop. slack-go reconnects by itself, except when the token is refused.
func (b *Bot) listen() {
	for b.ctx.Err() == nil {
		err := b.connection()
		if b.ctx.Err() != nil {
			return
		}
		b.log.Error("Socket Mode ended", "err", err)
		b.cfg.Observe("socket", "refused")
		select {
		case <-time.After(socketRetry):
		case <-b.ctx.Done():
		}
	}
}

// connection runs one client until it gives up, and reads what it hears.
func (b *Bot) connection() error {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	client := socketmode.New(b.api, socketmode.OptionReadLimit(maxBody))
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case e := <-client.Events:
				b.socketEvent(ctx, client, e)
			case <-ctx.Done():
				return
			}
		}
	})
	err := client.RunContext(ctx)
	cancel()
	reader.Wait()
	return err
}

// socketEvent acknowledges what it has stored or needs not, and nothing else: Slack tells the person then.
func (b *Bot) socketEvent(ctx context.Context, client *socketmode.Client, e socketmode.Event) {
	switch e.Type {
	case socketmode.EventTypeConnected:
		b.log.Info("Socket Mode connected")
		b.cfg.Observe("socket", "connected")
		return
	case socketmode.EventTypeConnectionError:
		b.log.Warn("Socket Mode does not connect", "detail", fmt.Sprint(e.Data))
		b.cfg.Observe("socket", "error")
		return
	}
	if e.Request == nil || e.Request.EnvelopeID == "" {
		return
	}
	if err := b.socketRequest(ctx, e.Request); err != nil {
		b.log.Warn("not acknowledging a call of Slack's", "type", e.Request.Type, "err", err)
		return
	}
	if err := client.AckCtx(ctx, e.Request.EnvelopeID, nil); err != nil {
		b.log.Warn("acknowledging a call of Slack's", "err", err)
	}
}

func (b *Bot) socketRequest(ctx context.Context, r *socketmode.Request) error {
	var in inbound
	var err error
	switch r.Type {
	case socketmode.RequestTypeInteractive:
		in, err = parseInteraction(r.Payload)
	case socketmode.RequestTypeSlashCommands:
		var c slack.SlashCommand
		if err = json.Unmarshal(r.Payload, &c); err == nil {
			in, err = parseCommand(c)
		}
	case socketmode.RequestTypeEventsAPI:
		return b.socketHeard(r.Payload)
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
	return b.accept(ctx, in)
}

func (b *Bot) socketHeard(payload []byte) error {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return err
	}
	b.heard(e.Event.Type)
	return nil
}
