package terminal_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/terminal"
)

// unequal is a service of two tasks of which one writes a hundred times as much as the other.
type unequal struct {
	terminal.Engine
	lines map[string][]terminal.LogLine // by task
	next  chan terminal.LogLine         // is written while the log is followed; never closed
}

func (u *unequal) Resolve(ctx context.Context, key string) (terminal.Target, error) {
	t, err := u.Engine.Resolve(ctx, key)
	t.Service = true
	return t, err
}

// Logs has one task after the other. Who follows gets some of it twice, as clocks may differ.
func (u *unequal) Logs(ctx context.Context, _ string, o terminal.LogOptions, emit func(terminal.LogLine) error) error {
	for _, task := range []string{"one", "two"} {
		lines := u.lines[task]
		if o.Since.IsZero() {
			lines = lines[max(0, len(lines)-o.Tail):]
		}
		for _, l := range lines {
			if l.At.Before(o.Since) {
				continue
			}
			if err := emit(l); errors.Is(err, terminal.ErrEnough) {
				break
			} else if err != nil {
				return err
			}
		}
	}
	for !o.Once {
		select {
		case <-ctx.Done():
			return nil
		case l := <-u.next:
			if err := emit(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestTheLinesOfTasksAreOneLog, of which none is missing and none is out of order, whichever way it is read: from the end backwards, from
// its beginning on, and as it comes.
func TestTheLinesOfTasksAreOneLog(t *testing.T) {
	t.Parallel()
	u := &unequal{lines: map[string][]terminal.LogLine{}, next: make(chan terminal.LogLine)}
	n := setup(t, func(c *terminal.Config) { u.Engine, c.Engine = c.Engine, u })
	begin := n.clock.now().Add(-time.Hour).Truncate(time.Second).UTC()
	var want []string
	for i := range 4000 {
		task := "one"
		if i%100 == 50 {
			task = "two"
		}
		l := terminal.LogLine{At: begin.Add(time.Duration(i) * 100 * time.Millisecond), Task: task, Text: fmt.Appendf(nil, "%s | %d", task, i)}
		u.lines[task], want = append(u.lines[task], l), append(want, string(l.Text))
	}
	id, have := n.session(access.ModeLogs)

	var got []string
	for before, rest := begin.Add(time.Hour), true; rest; {
		status, lines, start, oldest := n.earlierOf(id, before, have)
		if status != http.StatusOK || len(lines) == 0 {
			t.Fatalf("backwards: %d, %d lines after %d", status, len(lines), len(got))
		}
		got, before, rest = slices.Concat(lines, got), oldest, !start
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("backwards (-want +got):\n%s", diff)
	}

	got = nil
	for by, at := "since", begin; ; by = "after" {
		a, lines, times, end := n.pastOf(id, have, url.Values{by: {stamp(at)}})
		if a.status != http.StatusOK || len(lines) == 0 {
			t.Fatalf("forwards: %d, %d lines after %d", a.status, len(lines), len(got))
		}
		got, at = append(got, lines...), times[len(times)-1]
		if end {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("forwards (-want +got):\n%s", diff)
	}

	b := n.connect(id, have)
	for i := range 3 {
		l := terminal.LogLine{At: begin.Add(time.Hour), Task: fmt.Sprint("of later ", i), Text: fmt.Appendf(nil, "new %d", i)}
		select {
		case u.next <- l:
		case <-time.After(time.Minute):
			t.Fatal("nobody follows")
		}
		want = append(want, string(l.Text))
	}
	within(t, time.Minute, "what comes is there", func() bool { return b.saw("new 2") })
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := slices.DeleteFunc(slices.Clone(b.lines), func(l string) bool { return !strings.Contains(l, " | ") && !strings.HasPrefix(l, "new ") })
	if diff := cmp.Diff(want[len(want)-min(len(lines), 2003):], lines); diff != "" || len(lines) < 403 {
		t.Errorf("as it comes, %d lines (-want +got):\n%s", len(lines), diff)
	}
}
