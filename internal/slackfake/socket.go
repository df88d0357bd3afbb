package slackfake

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

const (
	ticketLife   = 30 * time.Second
	pingEvery    = 5 * time.Second
	maxAckLength = 20_000 // longer acknowledgements are dropped, payload and all
)

// ErrNotConnected is a delivery to an app in Socket Mode that has no socket open.
var ErrNotConnected = errors.New("the app has no socket open")

// socket is one Socket Mode connection.
type socket struct {
	conn *websocket.Conn
	gone chan struct{} // closed when the connection has ended

	mu   sync.Mutex // guards acks
	acks map[string]chan json.RawMessage
}

func (s *Server) appsConnectionsOpen(*call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ticket := secret()
	s.tickets[ticket] = s.cfg.Clock()
	ws := "ws" + strings.TrimPrefix(s.baseURL, "http") + "/link/?ticket=" + ticket + "&app_id=" + appID
	return result{"url": ws}, nil
}

// admit uses a ticket up.
func (s *Server) admit(ticket string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.tickets[ticket]
	delete(s.tickets, ticket)
	return ok && s.cfg.Clock().Sub(at) <= ticketLife
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !s.admit(r.URL.Query().Get("ticket")) {
		http.Error(w, "unknown ticket", http.StatusUnauthorized)
		return
	}
	// Slack's clients name Slack as the origin, which is never this host.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	done := make(chan struct{})
	s.background(func() { defer close(done); s.runSocket(conn) })
	select {
	case <-done:
	case <-s.ctx.Done():
	}
	_ = conn.CloseNow()
}

// runSocket serves a connection until either side ends it.
func (s *Server) runSocket(conn *websocket.Conn) {
	ctx, cancel := context.WithCancel(s.ctx)
	k := &socket{conn: conn, gone: make(chan struct{}), acks: map[string]chan json.RawMessage{}}
	defer close(k.gone)
	defer cancel()
	defer func() { _ = conn.CloseNow() }()
	var pinger sync.WaitGroup
	defer pinger.Wait()
	defer cancel()
	if k.hello(ctx, s.connect(k)) != nil {
		s.disconnect(k)
		return
	}
	defer s.disconnect(k)
	if reason, ends := s.nextEnd(); ends {
		if reason != "" {
			_ = k.write(ctx, result{"type": "disconnect", "reason": reason, "debug_info": result{"host": "fake"}})
		}
		return
	}
	pinger.Go(func() { k.ping(ctx) })
	for {
		if err := k.read(ctx); err != nil {
			return
		}
	}
}

func (s *Server) connect(k *socket) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = append(s.sockets, k)
	s.touch()
	return len(s.sockets)
}

func (s *Server) disconnect(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.sockets[:0:0]
	for _, other := range s.sockets {
		if other != k {
			kept = append(kept, other)
		}
	}
	s.sockets = kept
	s.touch()
}

// Sockets is how many Socket Mode connections are open.
func (s *Server) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets)
}

// Refresh asks the app to reconnect, as Slack does every few hours.
func (s *Server) Refresh() {
	s.mu.Lock()
	open := append([]*socket(nil), s.sockets...)
	s.mu.Unlock()
	for _, k := range open {
		_ = k.write(s.ctx, result{"type": "disconnect", "reason": "refresh_requested", "debug_info": result{"host": "fake"}})
	}
}

// EndSockets ends each of the next n connections right after hello, for a reason such as "link_disabled" or
// "too_many_websockets"; "" cuts it without a word.
func (s *Server) EndSockets(n int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends, s.endReason = n, reason
}

func (s *Server) nextEnd() (reason string, ends bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends == 0 {
		return "", false
	}
	s.ends--
	return s.endReason, true
}

func (k *socket) hello(ctx context.Context, n int) error {
	return k.write(ctx, result{
		"type": "hello", "num_connections": n, "connection_info": result{"app_id": appID},
		"debug_info": result{"host": "fake", "approximate_connection_time": 18060},
	})
}

// ping comes at once and then often: clients take a silent server for a dead one.
func (k *socket) ping(ctx context.Context) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for k.conn.Ping(ctx) == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (k *socket) write(ctx context.Context, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return wsjson.Write(ctx, k.conn, v)
}

// read takes one acknowledgement. What isn't one is ignored, as Slack does.
func (k *socket) read(ctx context.Context) error {
	_, data, err := k.conn.Read(ctx)
	if err != nil {
		return err
	}
	var ack struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	if len(data) >= maxAckLength || json.Unmarshal(data, &ack) != nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if waiting, ok := k.acks[ack.EnvelopeID]; ok {
		waiting <- ack.Payload // has room for one, and is removed with it
		delete(k.acks, ack.EnvelopeID)
	}
	return nil
}

// deliver sends an envelope and waits for its acknowledgement.
func (k *socket) deliver(ctx context.Context, id string, envelope result) (json.RawMessage, error) {
	waiting := make(chan json.RawMessage, 1)
	k.mu.Lock()
	k.acks[id] = waiting
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.acks, id)
	}()
	if err := k.write(ctx, envelope); err != nil {
		return nil, err
	}
	select {
	case payload := <-waiting:
		return payload, nil
	case <-k.gone:
		return nil, ErrNotConnected
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
