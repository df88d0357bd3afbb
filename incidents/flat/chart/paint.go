package chart

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// PNG is the picture with that many pixels to a point: 3 is a phone's.
func (c Chart) PNG(theme Theme, scale int) ([]byte, error) {
	s := c.layOut()
	p := painter{
		scale: float64(scale), colours: palettes[theme],
		to: image.NewRGBA(image.Rect(0, 0, int(math.Ceil(s.w*float64(scale))), int(math.Ceil(s.h*float64(scale))))),
	}
	for _, one := range s.shapes {
		switch shape := one.(type) {
		case filled:
			p.polygons(shape.colour, shape.points)
		case line:
			p.polygons(shape.colour, shape.outline()...)
		case text:
			p.write(shape)
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, p.to); err != nil {
		return nil, fmt.Errorf("writing a chart: %w", err)
	}
	return out.Bytes(), nil
}

type painter struct {
	scale   float64
	colours map[role]color.RGBA
	to      *image.RGBA
}

// polygons fills what any of them covers. Those that overlap have to turn the same way round.
func (p painter) polygons(colour role, all ...[]point) {
	min, max := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, one := range all {
		for _, at := range one {
			min.x, min.y = math.Min(min.x, at.x*p.scale), math.Min(min.y, at.y*p.scale)
			max.x, max.y = math.Max(max.x, at.x*p.scale), math.Max(max.y, at.y*p.scale)
		}
	}
	box := image.Rect(int(math.Floor(min.x)), int(math.Floor(min.y)), int(math.Ceil(max.x)), int(math.Ceil(max.y)))
	if box.Empty() {
		return
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	at := func(q point) (x, y float32) {
		return float32(q.x*p.scale - float64(box.Min.X)), float32(q.y*p.scale - float64(box.Min.Y))
	}
	for _, one := range all {
		r.MoveTo(at(one[0]))
		for _, q := range one[1:] {
			r.LineTo(at(q))
		}
		r.ClosePath()
	}
	r.Draw(p.to, box, image.NewUniform(p.colours[colour]), image.Point{})
}

func (p painter) write(t text) {
	d := font.Drawer{Dst: p.to, Src: image.NewUniform(p.colours[t.colour]), Face: face(t.bold, t.size*p.scale)}
	x := t.x * p.scale
	if t.right {
		x -= float64(d.MeasureString(t.s)) / 64
	}
	d.Dot = fixed.Point26_6{X: fixed.Int26_6(x * 64), Y: fixed.Int26_6(t.y * p.scale * 64)}
	d.DrawString(t.s)
}

// outline is a stroke as polygons that overlap and turn the same way round: one for each straight piece, and a disc at each corner.
func (l line) outline() [][]point {
	var out [][]point
	points := l.points
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		if l.dash > 0 {
			out = append(out, l.dashes(a, b)...)
			continue
		}
		out = append(out, l.piece(a, b))
		if i > 1 && l.width > 1 {
			out = append(out, circle(a, l.width/2))
		}
	}
	return out
}

func (l line) piece(a, b point) []point {
	long := math.Hypot(b.x-a.x, b.y-a.y)
	if long == 0 {
		return circle(a, l.width/2)
	}
	nx, ny := -(b.y-a.y)/long*l.width/2, (b.x-a.x)/long*l.width/2
	return []point{{a.x - nx, a.y - ny}, {b.x - nx, b.y - ny}, {b.x + nx, b.y + ny}, {a.x + nx, a.y + ny}}
}

func (l line) dashes(a, b point) [][]point {
	long := math.Hypot(b.x-a.x, b.y-a.y)
	at := func(d float64) point { return point{a.x + (b.x-a.x)*d/long, a.y + (b.y-a.y)*d/long} }
	var out [][]point
	for d := 0.0; d < long; d += 2 * l.dash {
		out = append(out, l.piece(at(d), at(math.Min(d+l.dash, long))))
	}
	return out
}

// circle turns as piece does.
func circle(at point, r float64) []point {
	const corners = 24
	out := make([]point, corners)
	for i := range out {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		out[i] = point{at.x + r*cos, at.y + r*sin}
	}
	return out
}
