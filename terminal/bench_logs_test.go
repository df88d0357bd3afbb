package terminal_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/access"
)

// What is promised of a log that is a flood.
const (
	promisedGap     = time.Second // in what a browser gets
	promisedGrownMB = 8.0         // from a quarter of the flood to its end
	floodRate       = 50_000      // lines a second
	floodSeconds    = 20
)

// flooding writes lines at a rate, by the clock of /proc/uptime, which counts hundredths.
const flooding = `echo quiet; while [ ! -e /go ]; do sleep 0.1; done
now() { read up rest </proc/uptime; up=${up%%.*}${up#*.}; }
now; began=$up; n=0
while [ $n -lt %d ]; do
	now; want=$(((up - began) * %d)); more=$((want - n))
	[ $more -lt 500 ] && sleep 0.01 && continue
	yes 'a line of the usual length, as programs write them, with something to read' | head -n $more
	n=$want
done; now; echo over after $((up - began)); sleep 1000`

// BenchmarkTerminalLogs has a browser follow a log of 50,000 lines a second. It is left out what nobody could read, and never waits for long.
func BenchmarkTerminalLogs(b *testing.B) {
	n := served(b)
	for b.Loop() {
		id := n.replace(fmt.Sprintf(flooding, floodRate*floodSeconds, floodRate/100))
		f := n.followFlood()
		n.touch(id, "/go")
		f.until(func() bool { return f.shown+f.skipped >= floodRate*floodSeconds/4 })
		before := memory()
		f.gap, f.last = 0, time.Now()
		f.until(func() bool { return f.over > 0 })
		all, grown := f.shown+f.skipped, (memory()-before)/1e6
		b.Logf("%s: %d lines were written in %s; %d came, and %d were told as left out, with %s between two messages at most; the bot takes %.1f MB more at the end",
			load(), all, f.over, f.shown, f.skipped, f.gap.Round(time.Millisecond), grown)
		b.ReportMetric(float64(all)/f.over.Seconds(), "lines/s")
		b.ReportMetric(100*float64(f.shown)/float64(all), "%shown")
		b.ReportMetric(f.gap.Seconds()*1000, "longest-gap-ms")
		b.ReportMetric(grown, "grown-MB")
		if all < floodRate*floodSeconds || f.gap > promisedGap || grown > promisedGrownMB {
			b.Errorf("%d of %d lines are accounted for, nothing came for %s, and the bot took %.1f MB more; want all, at most %s and %.0f MB",
				all, floodRate*floodSeconds, f.gap, grown, promisedGap, promisedGrownMB)
		}
		_ = f.conn.CloseNow()
	}
}

// floodReader is a browser that counts what it gets of a log.
type floodReader struct {
	*stream
	shown, skipped int64 // lines
	last           time.Time
	gap            time.Duration // the longest between two messages
	over           time.Duration // how long the flood took; 0: it goes on
}

func (n *night) followFlood() *floodReader {
	n.t.Helper()
	id, have := n.session(access.ModeLogs)
	f := &floodReader{stream: &stream{n: n, id: id, have: have}}
	f.connect()
	f.until(func() bool { return f.shown > 0 })
	f.shown = 0
	return f
}

func (f *floodReader) until(done func() bool) {
	f.n.t.Helper()
	for !done() {
		kind, p, err := f.read()
		if err != nil {
			f.n.t.Fatal(err)
		}
		if kind == websocket.MessageText {
			f.count(p)
		}
	}
}

func (f *floodReader) count(p []byte) {
	var m struct {
		Lines   []struct{ Kind, Text string }
		Skipped int64
	}
	if err := json.Unmarshal(p, &m); err != nil {
		f.n.t.Fatal(err)
	}
	if len(m.Lines) == 0 {
		return
	}
	now := time.Now()
	f.gap, f.last = max(f.gap, now.Sub(f.last)), now
	f.skipped += m.Skipped
	for _, l := range m.Lines {
		var hundredths int64
		if _, err := fmt.Sscanf(l.Text, "over after %d", &hundredths); err == nil {
			f.over = time.Duration(hundredths) * 10 * time.Millisecond
		} else if strings.HasPrefix(l.Text, "a line") || l.Text == "quiet" {
			f.shown++
		}
	}
}
