package chart

import (
	"fmt"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
)

// The Go fonts are part of the program, so that a picture is the same on every machine. Pages show an SVG in their reader's own font, drawn
// out or together to the room that these take.

var regular = sync.OnceValue(func() *sfnt.Font { return parsed(goregular.TTF) })
var bold = sync.OnceValue(func() *sfnt.Font { return parsed(gobold.TTF) })

func parsed(ttf []byte) *sfnt.Font {
	f, err := opentype.Parse(ttf)
	if err != nil {
		panic(fmt.Sprintf("a font that is part of the program: %v", err)) // not reached: a test draws with it
	}
	return f
}

// face is a font in pixels.
func face(isBold bool, pixels float64) font.Face {
	f := regular()
	if isBold {
		f = bold()
	}
	out, err := opentype.NewFace(f, &opentype.FaceOptions{Size: pixels, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(fmt.Sprintf("a size of a font: %v", err)) // not reached: sizes are constants
	}
	return out
}

// rulers measure text. They are not for several goroutines at once, so that each layout has its own.
type rulers map[rulerKey]font.Face

type rulerKey struct {
	size float64
	bold bool
}

// measureAt is how much larger text is measured than it is drawn: widths come in 64ths.
const measureAt = 4

func (r rulers) width(t text) float64 {
	key := rulerKey{t.size, t.bold}
	if r[key] == nil {
		r[key] = face(t.bold, t.size*measureAt)
	}
	return float64(font.MeasureString(r[key], t.s)) / 64 / measureAt
}

// clip shortens t until it is no wider than that.
func (r rulers) clip(t text, width float64) text {
	if r.width(t) <= width {
		return t
	}
	runes := []rune(t.s)
	lo, hi := 0, len(runes) // so many fit, and so many don't
	for lo+1 < hi {
		mid := (lo + hi) / 2
		t.s = string(runes[:mid]) + "…"
		if r.width(t) <= width {
			lo = mid
		} else {
			hi = mid
		}
	}
	t.s = string(runes[:lo]) + "…"
	return t
}
