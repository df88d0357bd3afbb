package chart

// scene is a picture as shapes in the order in which they are drawn, in points from its upper left corner.
type scene struct {
	w, h   float64
	shapes []any // filled, line, text
}

// role is what a colour is for; a theme says which one it is.
type role int

const (
	paper role = iota
	ink
	muted
	grid
	unmeasured
	band
	area
	high
	red
	blue
	green
	violet
)

// point is a place in a scene.
type point struct{ x, y float64 }

// filled is a polygon.
type filled struct {
	points []point
	colour role
}

// line is a stroke through points, with round corners. Dash is how long its dashes and the gaps between them are; 0: it has none.
type line struct {
	points []point
	width  float64
	colour role
	dash   float64
}

// text is one line. Its y is the baseline's; right says that x is its end.
type text struct {
	point
	s      string
	size   float64
	bold   bool
	right  bool
	colour role
}

func (s *scene) fill(colour role, points ...point) {
	s.shapes = append(s.shapes, filled{points, colour})
}

func (s *scene) rect(colour role, x, y, w, h float64) {
	s.fill(colour, point{x, y}, point{x + w, y}, point{x + w, y + h}, point{x, y + h})
}

func (s *scene) stroke(colour role, width float64, points ...point) {
	s.shapes = append(s.shapes, line{points: points, width: width, colour: colour})
}

func (s *scene) dashed(colour role, width, dash float64, points ...point) {
	s.shapes = append(s.shapes, line{points, width, colour, dash})
}

func (s *scene) write(t text) { s.shapes = append(s.shapes, t) }

// shape is a mark's.
type shape int

const (
	disc shape = iota
	ring
	square
	diamond
	up
	down
	bar
)

// mark draws a shape of about 2r by 2r around a point.
func (s *scene) mark(kind shape, colour role, at point, r float64) {
	p := func(dx, dy float64) point { return point{at.x + dx*r, at.y + dy*r} }
	switch kind {
	case disc:
		s.fill(colour, circle(at, r)...)
	case ring:
		s.stroke(colour, r*0.6, append(circle(at, r*0.75), point{at.x + r*0.75, at.y})...)
	case square:
		s.fill(colour, p(-0.9, -0.9), p(0.9, -0.9), p(0.9, 0.9), p(-0.9, 0.9))
	case diamond:
		s.fill(colour, p(0, -1.2), p(1.2, 0), p(0, 1.2), p(-1.2, 0))
	case up:
		s.fill(colour, p(0, -1.1), p(1.15, 0.9), p(-1.15, 0.9))
	case down:
		s.fill(colour, p(0, 1.1), p(-1.15, -0.9), p(1.15, -0.9))
	case bar:
		s.fill(colour, p(-1.2, -0.4), p(1.2, -0.4), p(1.2, 0.4), p(-1.2, 0.4))
	}
}
