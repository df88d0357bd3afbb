package terminal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/terminal"
)

// earlierOf asks for what stands before a time, as a page does that is scrolled up.
func (n *night) earlierOf(id string, before time.Time, have http.Header) (status int, lines []string, start bool, oldest time.Time) {
	n.t.Helper()
	q := url.Values{"session": {id}, "before": {before.Format(time.RFC3339Nano)}}
	r, err := http.NewRequestWithContext(n.t.Context(), "GET", n.url+"/t/logs?"+q.Encode(), nil)
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header = have
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var v struct {
		Lines []struct {
			At   time.Time
			Text string
		}
		Start bool
	}
	b, _ := io.ReadAll(resp.Body)
	_ = json.Unmarshal(b, &v) // a refusal has none
	for i, l := range v.Lines {
		if i == 0 {
			oldest = l.At
		}
		lines = append(lines, l.Text)
	}
	return resp.StatusCode, lines, v.Start, oldest
}

func TestEarlierLinesAreReadToTheLogsBeginning(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`seq 1 5000; echo over; sleep 1000`)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("over") })
	want := 5000
	for before := n.clock.now().Add(time.Hour); want > 0; {
		status, lines, start, oldest := n.earlierOf(id, before, have)
		if status != http.StatusOK || len(lines) == 0 {
			t.Fatalf("%d, %d lines, %d to come", status, len(lines), want)
		}
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i] == "over" {
				continue
			}
			if lines[i] != fmt.Sprint(want) {
				t.Fatalf("line %q where %d belongs", lines[i], want)
			}
			want--
		}
		if start != (want == 0) {
			t.Errorf("it begins there: %v, with %d to come", start, want)
		}
		before = oldest
	}
	for name, c := range map[string]struct {
		id   string
		have http.Header
		want int
	}{"another session": {"other", have, http.StatusConflict}, "no cookie": {id, nil, http.StatusUnauthorized}} {
		if status, _, _, _ := n.earlierOf(c.id, n.clock.now(), c.have); status != c.want {
			t.Errorf("%s: %d", name, status)
		}
	}
	n.gate.refuse(access.ErrDenied)
	if status, _, _, _ := n.earlierOf(id, n.clock.now(), have); status < 400 {
		t.Errorf("who may not any more: %d", status)
	}
}

// heldLogs holds those who look back before it is open.
type heldLogs struct {
	terminal.Engine
	asked   atomic.Int64 // how many came so far as to know the container
	waits   atomic.Int64 // how many have been held
	open    atomic.Bool
	dropped atomic.Int64  // of those, how many were given up by whoever asked
	goOn    chan struct{} // each value lets one go on; closed by end
	end     func()        // lets all go on; can be called twice
}

func (h *heldLogs) Resolve(ctx context.Context, container string) (terminal.Target, error) {
	t, err := h.Engine.Resolve(ctx, container)
	h.asked.Add(1)
	return t, err
}

// begunWith is how many lines a page begins with, which are not held.
const begunWith = 25

func (h *heldLogs) Logs(ctx context.Context, id string, o terminal.LogOptions, emit func(terminal.LogLine) error) error {
	if o.Once && o.Tail != begunWith && !h.open.Load() {
		h.waits.Add(1)
		select {
		case <-h.goOn:
		case <-ctx.Done():
			h.dropped.Add(1)
			return ctx.Err()
		}
	}
	return h.Engine.Logs(ctx, id, o, emit)
}

// holding is a night in which looks back are held.
func holding(t *testing.T) (*night, *heldLogs) {
	t.Helper()
	h := &heldLogs{goOn: make(chan struct{})}
	n := setup(t, func(c *terminal.Config) { h.Engine = c.Engine; c.Engine = h })
	h.end = sync.OnceFunc(func() { close(h.goOn) })
	t.Cleanup(h.end)
	return n, h
}

// TestOnePersonCannotTakeAllLooksBack: however often they ask, another finds room.
func TestOnePersonCannotTakeAllLooksBack(t *testing.T) {
	t.Parallel()
	n, held := holding(t)
	adas, have := n.session(access.ModeLogs)
	g := n.grant(access.ModeLogs)
	g.Person.Person = access.Person{SlackID: "U0GRACE", Name: "Grace"}
	n.after(time.Second)
	graces, hers := n.opened(n.redeem(n.mintFor(g)))
	var asked sync.WaitGroup
	defer asked.Wait()
	defer held.end()
	opened := held.asked.Load() // for the lines that a page begins with
	for range 6 {
		asked.Go(func() { n.earlierOf(adas, n.clock.now(), have) })
	}
	within(t, time.Minute, "Ada has asked", func() bool { return held.asked.Load() == opened+6 })
	held.open.Store(true)
	answered := make(chan int, 1)
	asked.Go(func() { status, _, _, _ := n.earlierOf(graces, n.clock.now(), hers); answered <- status })
	select {
	case status := <-answered:
		if status != http.StatusOK {
			t.Errorf("Grace is answered %d", status)
		}
	case <-time.After(time.Minute):
		t.Error("Grace finds no room")
	}
}
