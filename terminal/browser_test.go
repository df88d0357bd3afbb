package terminal_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
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
	by   string // its name

	mu      sync.Mutex // guards all below
	lines   []string
	skipped int64 // lines
	next    int64 // line
	epoch   string
	own     strings.Builder // output of the person's own shells
	theirs  strings.Builder // and of those that were watched
	strays  int             // frames of a shell that was not shown when they came
	counted string          // the epoch in which the output of the shell that is shown is counted
	read    int64           // where it has come to
	shell   string
	run     string
	word    string
	task    string // in which the shell runs
	idle    string // when the session ends if nobody does anything
	typed   int64  // what has been taken
	number  int64  // what has been typed
	refused []string
	others  []otherShell
	crowd   *crowd // who is at the shell that is shown
	watches string // whose shell is shown in the place of one's own
	you     int    // in the crowd
	notices []string
	ended   error
}

func (n *night) connect(id string, have http.Header) *browser {
	n.t.Helper()
	return n.connectAs(rand.Text(), id, have)
}

// connectAs is a page that has been here before.
func (n *night) connectAs(by, id string, have http.Header) *browser {
	n.t.Helper()
	return n.listenTo(n.dialAs(by, have), by, id)
}

func (n *night) listenTo(conn *websocket.Conn, by, id string) *browser {
	n.t.Helper()
	return n.resume(conn, &browser{by: by}, id)
}

// resume has a page say what it has from its connection before.
func (n *night) resume(conn *websocket.Conn, before *browser, id string) *browser {
	n.t.Helper()
	before.mu.Lock()
	defer before.mu.Unlock()
	b := &browser{t: n.t, conn: conn, by: before.by}
	b.say(fmt.Sprintf(`{"type":"hello","session":%q,"by":%q,"epoch":%q,"have":{"lines":%d}}`, id, before.by, before.epoch, before.next))
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.listen()
	}()
	n.t.Cleanup(func() { _ = b.conn.CloseNow(); <-done })
	return b
}

func (n *night) dial(have http.Header) *websocket.Conn { n.t.Helper(); return n.dialAs("", have) }

func (n *night) dialAs(page string, have http.Header) *websocket.Conn {
	n.t.Helper()
	conn, _, err := websocket.Dial(n.t.Context(), n.url+"/t/ws?page="+page, &websocket.DialOptions{HTTPHeader: have, Subprotocols: []string{terminal.Subprotocol}})
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
			b.showOutput(p)
		} else {
			b.told(p)
		}
		b.mu.Unlock()
	}
}

// showOutput leaves out what is of another shell than the one that is shown, as the page does.
func (b *browser) showOutput(frame []byte) {
	watched := frame[0]&0x80 != 0
	if watched == (b.watches != "") {
		b.read = int64(binary.BigEndian.Uint64(frame)&^(1<<63)) + int64(len(frame)-8)
	}
	switch {
	case watched != (b.watches != ""):
		b.strays++
	case watched:
		b.theirs.Write(frame[8:])
	default:
		b.own.Write(frame[8:])
	}
}

func (b *browser) told(p []byte) {
	var m struct {
		Lines  []struct{ Text string }
		Status *struct {
			Shell, Run, Message, Task string
			IdleAt                    string `json:"idle_at"`
			Crowd                     *crowd
			Others                    []otherShell
		}
		Name                string
		You                 int
		Type, Run, By, Text string
		Epoch               string
		Typed, Skipped      int64
		Next                int64
	}
	_ = json.Unmarshal(p, &m)
	b.skipped, b.next = b.skipped+m.Skipped, max(b.next, m.Next)
	for _, l := range m.Lines {
		b.lines = append(b.lines, l.Text)
	}
	if m.Type == "status" {
		b.others, b.idle = m.Status.Others, m.Status.IdleAt
	}
	if m.Status != nil && (b.watches == "" || m.Type == "watched") {
		b.crowd = m.Status.Crowd
		if m.Status.Run != "" && m.Status.Run != b.run {
			b.number, b.typed = 0, 0 // each shell counts from 1
		}
		b.shell, b.run, b.word, b.task = m.Status.Shell, m.Status.Run, m.Status.Message, m.Status.Task
	}
	switch m.Type {
	case "hello":
		b.run, b.typed, b.epoch, b.counted = m.Run, m.Typed, m.Epoch, m.Epoch
	case "typed":
		b.typed = max(b.typed, m.Typed)
	case "watch":
		b.counted = m.Epoch
		b.watches, b.run, b.you, b.number, b.typed = m.Name, m.Run, m.You, m.Typed, m.Typed
	case "unwatched":
		b.watches, b.you, b.crowd, b.counted = "", 0, nil, b.epoch
		b.notices = append(b.notices, m.Text)
	case "notice":
		b.notices = append(b.notices, m.Text)
	case "refused":
		b.refused = append(b.refused, m.Text)
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
	b.mu.Lock()
	b.number++
	number, run := b.number, b.run
	b.mu.Unlock()
	b.typeAs(number, run, text)
}

// typeAs says which number a piece of typing has, and for which shell it is.
func (b *browser) typeAs(number int64, run, text string) {
	b.t.Helper()
	m, err := json.Marshal(map[string]any{"type": "typed", "by": b.by, "number": number, "run": run, "text": text})
	if err != nil {
		b.t.Fatal(err)
	}
	b.say(string(m))
}

// place is how far it has read in the shell that is shown, and how that is counted.
func (b *browser) place() (epoch string, at int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counted, b.read
}

// answer answers a question in the newest output by itself, as a terminal does.
func (b *browser) answer(text string) {
	b.t.Helper()
	epoch, at := b.place()
	b.answerTo(epoch, at, text)
}

// answerTo answers a question that stands in the output which begins there.
func (b *browser) answerTo(epoch string, at int64, text string) {
	b.t.Helper()
	b.say(fmt.Sprintf(`{"type":"answer","epoch":%q,"at":%d,"text":%q}`, epoch, at, text))
}

func (b *browser) saw(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(strings.Join(b.lines, "\n"), text) || strings.Contains(b.own.String(), text) || strings.Contains(b.theirs.String(), text)
}

func (b *browser) shown() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.own.String() + b.theirs.String()
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

func (b *browser) inTask() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.task
}

func (b *browser) idleAt() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.idle
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
	if !came(d, cond) {
		t.Fatalf("not within %v: %s", d, what)
	}
}

func came(d time.Duration, cond func() bool) bool {
	deadline := time.After(d)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
	return true
}
