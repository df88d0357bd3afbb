package terminal_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
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
