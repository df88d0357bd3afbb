package chart

import (
	"math"
	"slices"
)

// Labels stand above the plot in rows, each on one side of its event's line, which comes up from the plot to its row. Events of a night
// lie within minutes, a point or two from each other, so that hardly two labels fit into a row, and no line may cross a label.
//
// For each choice of sides there is a least number of rows, since the only question is who has to stand above whom: a label that
// another's line passes stands above that line's own. All choices are tried, which are 512 at most. Where none will do, such as for many
// events spread over the whole width, a line passes behind a label.

const (
	labelGap  = 5.0  // between a line and its label
	labelRoom = 10.0 // between two labels in a row, at least
)

// label is one event's.
type label struct {
	x     float64 // of its line
	width float64
	left  bool // it stands to the left of its line
	row   int  // 0 is the highest
}

// span is from where to where it reaches, without its line.
func (l label) span() (from, to float64) {
	if l.left {
		return l.x - labelGap - l.width, l.x - labelGap
	}
	return l.x + labelGap, l.x + labelGap + l.width
}

// covers says whether another line would pass through it.
func (l label) covers(x float64) bool {
	from, to := l.span()
	if l.left {
		return x > from-labelGap/2 && x < l.x-0.25
	}
	return x > l.x+0.25 && x < to+labelGap/2
}

// touches says whether two can't be in one row.
func (l label) touches(o label) bool {
	a, b := l.span()
	c, d := o.span()
	return a < d+labelRoom && c < b+labelRoom
}

// place chooses sides and rows so that there are as few rows as possible, between the edges. It returns how many there are, and whether
// no line passes through a label.
func place(labels []label, from, to float64) (rows int, clear bool) {
	best, least := []label(nil), math.MaxInt
	for sides := range 1 << len(labels) {
		try := make([]label, len(labels))
		for i, l := range labels {
			l.left = sides>>i&1 == 1
			try[i] = l
		}
		if n, ok := stack(try, from, to); ok && n < least {
			best, least = try, n
		}
	}
	if best == nil {
		return spread(labels, from, to), false
	}
	copy(labels, best)
	return least, true
}

// spread gives each label the side with more room, and the highest row in which it touches no other.
func spread(all []label, from, to float64) (rows int) {
	for i := range all {
		all[i].left, all[i].row = all[i].x > (from+to)/2, 0
		for slices.ContainsFunc(all[:i], func(o label) bool {
			return o.row == all[i].row && (o.touches(all[i]) || o.covers(all[i].x) || all[i].covers(o.x))
		}) {
			all[i].row++
		}
		rows = max(rows, all[i].row+1)
	}
	return rows
}

// stack gives rows to labels whose sides are known. It returns false when one does not fit between the edges, or two have to stand
// above each other.
func stack(all []label, from, to float64) (rows int, ok bool) {
	for i := range all {
		if a, b := all[i].span(); a < from || b > to {
			return 0, false
		}
		all[i].row = -1
	}
	for range all {
		next := -1
		for i := range all {
			if all[i].row < 0 && free(all, i) {
				next = i
				break
			}
		}
		if next < 0 {
			return 0, false
		}
		all[next].row = lowest(all, next)
		rows = max(rows, all[next].row+1)
	}
	return rows, true
}

// free says that no label without a row has to stand above the ith.
func free(all []label, i int) bool {
	for j := range all {
		if j != i && all[j].row < 0 && all[j].covers(all[i].x) {
			return false
		}
	}
	return true
}

// lowest is the first row in which the ith touches nobody, below all that its line would cross, and below none whose line would cross it.
func lowest(all []label, i int) int {
	row := 0
	for j := range all {
		if j == i || all[j].row < 0 {
			continue
		}
		if all[j].covers(all[i].x) || all[j].touches(all[i]) {
			row = max(row, all[j].row+1)
		}
	}
	return row
}
