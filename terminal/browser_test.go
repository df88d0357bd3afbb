package terminal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/terminal"
)

// browser is what the page is to the server.
type browser struct {
	t    testing.TB
	conn *websocket.Conn

	mu     sync.Mutex // guards all below
	lines  []string
	output strings.Builder
	shell  string
	word   string
	ended  error
}

func (n *night) connect(id string, have http.Header) *browser {
	n.t.Helper()
	b := &browser{t: n.t, conn: n.dial(have)}
	b.say(fmt.Sprintf(`{"type":"hello","session":%q}`, id))
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.listen()
	}()
	n.t.Cleanup(func() { _ = b.conn.CloseNow(); <-done })
	return b
}

func (n *night) dial(have http.Header) *websocket.Conn {
	n.t.Helper()
	conn, _, err := websocket.Dial(n.t.Context(), n.url+"/t/ws", &websocket.DialOptions{HTTPHeader: have, Subprotocols: []string{terminal.Subprotocol}})
	if err != nil {
		n.t.Fatal(err)
	}
	conn.SetReadLimit(4 << 20)
	return conn
}

func (b *browser) listen() {
	for {
		kind, p, err := b.conn.Read(context.Background())
		b.mu.Lock()
		if err != nil {
			b.ended = err
			b.mu.Unlock()
			return
		}
		if kind == websocket.MessageBinary {
			b.output.Write(p[8:])
		} else {
			b.told(p)
		}
		b.mu.Unlock()
	}
}

func (b *browser) told(p []byte) {
	var m struct {
		Lines  []struct{ Text string }
		Status *struct{ Shell, Message string }
	}
	_ = json.Unmarshal(p, &m)
	for _, l := range m.Lines {
		b.lines = append(b.lines, l.Text)
	}
	if m.Status != nil {
		b.shell, b.word = m.Status.Shell, m.Status.Message
	}
}

func (b *browser) say(text string) {
	b.t.Helper()
	if err := b.conn.Write(context.Background(), websocket.MessageText, []byte(text)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) typeIn(text string) {
	b.t.Helper()
	if err := b.conn.Write(context.Background(), websocket.MessageBinary, []byte(text)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) saw(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(strings.Join(b.lines, "\n"), text) || strings.Contains(b.output.String(), text)
}

func (b *browser) shown() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.output.String()
}

func (b *browser) shellIs(state string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shell == state
}

func (b *browser) message() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.word
}

// closed returns why the server hung up.
func (b *browser) closed() (websocket.CloseError, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var c websocket.CloseError
	return c, errors.As(b.ended, &c)
}

// startShell starts one and waits for its prompt to work.
func (b *browser) startShell() {
	b.t.Helper()
	b.say(`{"type":"shell","cols":80,"rows":24}`)
	within(b.t, time.Minute, "the shell runs", func() bool { return b.shellIs("running") })
	b.typeIn("echo re''ady\n")
	within(b.t, time.Minute, "the shell answers", func() bool { return b.saw("ready") })
}

func within(t testing.TB, d time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(d)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", d, what)
		case <-tick.C:
		}
	}
}
