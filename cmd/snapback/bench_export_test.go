package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/snapback/snapback/internal/asciicast"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// BenchmarkExportOfLargeRecordings exports 215 MB of recordings that hardly compress, four shells of 54 MB, from a bot in a process of its own,
// which may take 80 MB with all that it does besides.
func BenchmarkExportOfLargeRecordings(b *testing.B) {
	s, v := newStage(b), newEvidence(b)
	noise := rand.NewChaCha8([32]byte{})
	for _, id := range []string{"A", "B", "C", "D"} {
		castOf(b, v.Recorded.(*store.TerminalStore), id, noise, 54<<20)
	}
	p := s.serve(v.db.Pool().Config().ConnString(), "SNAPBACK_SECRET_KEYS="+testkit.RingText)
	var most int
	for b.Loop() {
		before := p.memory("VmRSS")
		testkit.OK(b, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.pid), []byte("5"), 0)) // VmHWM anew, after proc(5)
		var size counter
		testkit.OK(b, p.api.Export(b.Context(), "PNIGHT1", "zip", &size))
		most = max(most, p.memory("VmHWM"))
		fmt.Printf("\nan export of %d MB: %d MB before it, at most %d MB (load %s)\n", size/1e6, before, most, load())
		if size < 100e6 {
			b.Fatalf("the export has %d bytes: that is not four shells", size)
		}
	}
	b.ReportMetric(float64(most), "peak-MB")
	if most >= 80 {
		b.Errorf("the bot takes %d MB, want less than 80", most)
	}
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// castOf is a recording of so many bytes, in pieces as a busy shell makes them.
func castOf(tb testing.TB, s *store.TerminalStore, id string, noise io.Reader, size int) {
	tb.Helper()
	records(tb, s, id, 1)
	head, err := asciicast.Begin(asciicast.Header{Term: asciicast.Term{Cols: 80, Rows: 24}})
	testkit.OK(tb, err)
	testkit.OK(tb, s.AppendRecording(tb.Context(), id, 0, head))
	raw := make([]byte, 24<<10)
	for seq := 1; size > 0; seq++ {
		_, _ = noise.Read(raw)
		line := fmt.Appendf(nil, "[0.010000,\"o\",\"%x\"]\n", raw)
		testkit.OK(tb, s.AppendRecording(tb.Context(), id, seq, line))
		size -= len(line)
	}
}
