package chart

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents/flat"
)

// Measures in points. A phone that is held upright is 390 wide.
const (
	width      = 390.0
	margin     = 14.0
	titleSize  = 17.0
	labelSize  = 13.0
	axisSize   = 12.0
	rowHeight  = 18.0
	plotHeight = 150.0
	markSize   = 4.5
)

// layout is a chart while it becomes a scene.
type layout struct {
	Chart
	scene
	rulers
	left, right float64 // of the plot
	top, bottom float64
	max         float64 // errors a minute at the top
	labels      []label
}

// layOut places everything.
func (c Chart) layOut() scene {
	l := &layout{Chart: c.withDefaults(), rulers: rulers{}, right: width - margin}
	var ticks []float64
	ticks, l.max = l.scale()
	for _, t := range ticks {
		l.left = max(l.left, margin+l.width(text{s: number(t), size: axisSize})+6)
	}
	rows := l.arrange()
	l.top = margin + 46 + float64(rows)*rowHeight + 8
	l.bottom = l.top + plotHeight
	l.scene.w, l.scene.h = width, l.bottom+26
	l.rect(paper, 0, 0, l.scene.w, l.scene.h)
	l.title()
	l.axes(ticks)
	l.holes()
	l.usual()
	l.lines()
	l.errors()
	l.names()
	return l.scene
}

func (l *layout) x(t time.Time) float64 {
	share := float64(t.Sub(l.From)) / float64(l.To.Sub(l.From))
	return l.left + min(max(share, 0), 1)*(l.right-l.left)
}

func (l *layout) y(rate float64) float64 {
	return l.bottom - min(rate/l.max, 1)*(l.bottom-l.top)
}

// scale is where the lines across are, and how many errors a minute the top is. There are two to four, at numbers that people can read.
func (l *layout) scale() (ticks []float64, top float64) {
	need := max(l.highest().Rate(), 4)
	if l.Baseline != nil {
		need = max(need, l.Baseline.Upper*1.5)
	}
	step := math.Pow(10, math.Floor(math.Log10(need/2)))
	for _, times := range []float64{1, 2, 5, 10} {
		if need <= step*times*3 {
			step *= times
			break
		}
	}
	top = math.Ceil(need/step-1e-9) * step
	for t := 0.0; t <= top+step/2; t += step {
		ticks = append(ticks, t)
	}
	return ticks, top
}

// title says whose errors, how many are usual, and how many there are at the end.
func (l *layout) title() {
	now := text{point: point{l.right, margin + 14}, size: titleSize, bold: true, right: true, colour: ink}
	if l.measuredToTheEnd() {
		now.s = rate(recent(l.Minutes)) + " a minute"
	}
	if now.s != "" {
		l.write(now)
	}
	name := text{point: point{margin, margin + 14}, s: l.Service, size: titleSize, bold: true, colour: ink}
	l.write(l.clip(name, l.right-margin-l.width(now)-12))
	y := margin + 34
	l.write(text{point: point{margin, y}, s: "Errors a minute", size: labelSize, colour: muted})
	usual := text{point: point{l.right, y}, s: "no baseline", size: labelSize, right: true, colour: muted}
	if b := l.Baseline; b != nil {
		usual.s = "baseline " + rate(b.Rate)
		l.rect(band, l.right-l.width(usual)-20, y-9, 14, 10)
	}
	l.write(usual)
}

// measuredToTheEnd says that the last minutes are those of the end, with nothing between that was not measured.
func (c Chart) measuredToTheEnd() bool {
	n := len(c.Minutes)
	return n > 0 && c.To.Sub(c.Minutes[n-1].At) <= 3*c.Step
}

// recent is the rate of the last two minutes: a single one jumps.
func recent(all []flat.Minute) float64 {
	errors, exposure := 0.0, 0.0
	for _, m := range all[max(0, len(all)-2):] {
		errors, exposure = errors+m.Errors, exposure+m.Exposure()
	}
	return errors * 60 / exposure
}

func (l *layout) axes(ticks []float64) {
	for _, t := range ticks {
		y := l.y(t)
		l.stroke(grid, 1, point{l.left, y}, point{l.right, y})
		l.write(text{point: point{l.left - 6, y + 4}, s: number(t), size: axisSize, right: true, colour: muted})
	}
	last := math.Inf(-1)
	for _, t := range hours(l.From, l.To, l.Zone) {
		label := text{s: t.Format("15:04"), size: axisSize, colour: muted}
		w := l.width(label)
		x := l.x(t)
		l.stroke(grid, 1, point{x, l.bottom}, point{x, l.bottom + 4})
		if x-w/2 < last+8 || x+w/2 > l.right+margin/2 {
			continue
		}
		last = x + w/2
		label.point = point{x - w/2, l.bottom + 17}
		l.write(label)
	}
}

// hours are the times of day that stand below: full hours of the zone, or the like of a shorter window.
func hours(from, to time.Time, zone *time.Location) []time.Time {
	each := time.Hour
	for _, d := range []time.Duration{time.Hour, 30 * time.Minute, 10 * time.Minute, 5 * time.Minute, 2 * time.Minute, time.Minute} {
		if each = d; to.Sub(from) >= 4*d {
			break
		}
	}
	local := from.In(zone)
	at := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), 0, 0, 0, zone)
	var out []time.Time
	for ; !at.After(to); at = at.Add(each) {
		if !at.Before(from) {
			out = append(out, at)
		}
	}
	return out
}

// holes are the times in which nobody counted.
func (l *layout) holes() {
	gaps := l.gaps()
	if len(l.Minutes) == 0 {
		gaps = []gap{{l.From, l.To}}
	}
	for _, g := range gaps {
		from, to := l.x(g.from), l.x(g.to)
		l.rect(unmeasured, from, l.top, to-from, plotHeight)
		note := text{s: "not measured", size: axisSize, colour: muted}
		if w := l.width(note); w+8 < to-from {
			note.point = point{(from + to - w) / 2, l.top + plotHeight/2 + 4}
			l.write(note)
		}
	}
}

// usual is the band of what is usual. It can be seen even where it is nothing beside a spike.
func (l *layout) usual() {
	if l.Baseline == nil {
		return
	}
	y := min(l.y(l.Baseline.Upper), l.bottom-2)
	l.rect(band, l.left, y, l.right-l.left, l.bottom-y)
}

// errors are the curve, and the area below it.
func (l *layout) errors() {
	for _, run := range l.runs() {
		var curve []point
		for _, m := range run {
			curve = append(curve, point{l.x(m.At.Add(l.Step / 2)), l.y(m.Rate())})
		}
		first, last := curve[0], curve[len(curve)-1]
		if len(curve) == 1 {
			l.fill(ink, circle(first, 1.5)...)
			continue
		}
		l.fill(area, append(append([]point{{first.x, l.bottom}}, curve...), point{last.x, l.bottom})...)
		l.hot(curve)
		l.stroke(ink, 1.5, curve...)
	}
}

// hot marks where there are more errors than usual.
func (l *layout) hot(curve []point) {
	if l.Baseline == nil {
		return
	}
	limit := l.y(l.Baseline.Upper)
	var over []point
	for i, p := range curve {
		if p.y < limit {
			if len(over) == 0 && i > 0 {
				over = append(over, crossing(curve[i-1], p, limit))
			}
			over = append(over, p)
		}
		if ends := p.y >= limit || i == len(curve)-1; ends && len(over) > 0 {
			if p.y >= limit {
				over = append(over, crossing(p, over[len(over)-1], limit))
			}
			l.fill(high, append(over, point{over[len(over)-1].x, limit}, point{over[0].x, limit})...)
			over = nil
		}
	}
}

// crossing is where the line from a to b is that high.
func crossing(a, b point, y float64) point {
	if a.y == b.y {
		return point{a.x, y}
	}
	return point{a.x + (b.x-a.x)*(y-a.y)/(b.y-a.y), y}
}

// arrange measures the labels of events and places them.
func (l *layout) arrange() (rows int) {
	for _, e := range l.Events {
		l.labels = append(l.labels, label{x: l.x(e.At), width: 2*markSize + 4 + l.width(l.word(e))})
	}
	rows, _ = place(l.labels, margin/2, width-margin/2)
	return rows
}

func (l *layout) word(e Event) text {
	at := l.clock(e.At) + " "
	if e.At.Before(l.From) {
		at = "← " + at
	}
	return l.clip(text{s: at + e.name(), size: labelSize, colour: ink}, width/2-40)
}

// lines mark the moments of events in the plot, behind the curve.
func (l *layout) lines() {
	for i, e := range l.Events {
		x := l.labels[i].x
		l.dashed(kinds[e.Kind].colour, 1, 3, point{x, l.top}, point{x, l.bottom})
	}
}

// names are the labels of events, each with a line down to the plot.
func (l *layout) names() {
	for i, e := range l.Events {
		is, at := kinds[e.Kind], l.labels[i]
		y := margin + 46 + (float64(at.row)+0.5)*rowHeight
		from, to := at.span()
		near := from
		if at.left {
			near = to
		}
		l.stroke(is.colour, 1, point{near, y}, point{at.x, y}, point{at.x, l.top})
	}
	for i, e := range l.Events {
		is, at := kinds[e.Kind], l.labels[i]
		y := margin + 46 + (float64(at.row)+0.5)*rowHeight
		from, to := at.span()
		mark, word := from+markSize, from+2*markSize+4
		if at.left {
			mark, word = to-markSize, from
		}
		l.rect(paper, from-1, y-rowHeight/2+1, to-from+2, rowHeight-2)
		l.mark(is.shape, is.colour, point{mark, y}, markSize)
		t := l.word(e)
		t.point = point{word, y + 4.5}
		l.write(t)
	}
}

// number is a rate beside the axis.
func number(n float64) string {
	if n >= 1000 {
		return grouped(n)
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// rate is a rate in words: 1.1, 40 or 2,000.
func rate(n float64) string {
	if n < 9.95 {
		return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0")
	}
	return grouped(n)
}

func grouped(n float64) string {
	s := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
