package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/snapback/snapback/internal/asciicast"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// BenchmarkExportOfLargeRecordings exports 215 MB of recordings that hardly compress: four shells of 54 MB.
func BenchmarkExportOfLargeRecordings(b *testing.B) {
	v := newEvidence(b)
	noise := rand.NewChaCha8([32]byte{})
	for _, id := range []string{"A", "B", "C", "D"} {
		castOf(b, v.Recorded.(*store.TerminalStore), id, noise, 54<<20)
	}
	in, err := v.db.Incident(b.Context(), 1)
	testkit.OK(b, err)
	var most float64
	for b.Loop() {
		base, peak := heapDuring(func() { testkit.OK(b, v.Export(b.Context(), io.Discard, "zip", in, true)) })
		most = max(most, float64(peak-min(base, peak))/(1<<20))
	}
	b.ReportMetric(most, "MiB-more")
	if most > 64 {
		b.Errorf("the heap grows by %.0f MiB", most)
	}
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
