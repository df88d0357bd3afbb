package chart

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Whatever the moments are, no label lies on another one or beyond the edge, and no line passes through a label.
func TestLabelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	behind := 0
	for range 2000 {
		labels := make([]label, 1+r.IntN(maxEvents))
		centre := 30 + r.Float64()*330
		for i := range labels {
			x := 30 + r.Float64()*330
			if r.IntN(3) > 0 { // close together, as in a night
				x = min(max(centre+r.NormFloat64()*4, 30), 376)
			}
			labels[i] = label{x: x, width: 60 + r.Float64()*80}
		}
		slices.SortFunc(labels, func(a, b label) int { return int(a.x*1e6) - int(b.x*1e6) })
		rows, clear := place(labels, 7, 383)
		if !clear {
			behind++
		}
		for i, l := range labels {
			from, to := l.span()
			if from < 7 || to > 383 || l.row >= rows {
				t.Fatalf("%+v is beyond the edge, of %d rows", l, rows)
			}
			for j, o := range labels {
				if i == j {
					continue
				}
				if l.row == o.row && l.touches(o) {
					t.Fatalf("%+v and %+v overlap", l, o)
				}
				if clear && o.row <= l.row && l.covers(o.x) {
					t.Fatalf("the line of %+v passes through %+v", o, l)
				}
			}
		}
	}
	if behind > 400 {
		t.Errorf("in %d of 2000 pictures a line passes behind a label", behind)
	}
	t.Logf("behind a label: %d of 2000", behind)
}
