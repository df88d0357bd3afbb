package chart

import "image/color"

// Theme is the colours of a picture. Both are told apart with any kind of colour blindness, since what has a meaning has a shape and a
// word too; text has at least 4.5 : 1 against the paper, and what else means something 3 : 1.
type Theme int

const (
	Dark Theme = iota // for a dark room
	Light
	Auto // SVG only: as the reader's system has it
)

// palettes are by role. Those with a meaning are Okabe and Ito's, made lighter or darker for the paper.
var palettes = map[Theme]map[role]color.RGBA{
	Dark: {
		paper: rgb(0x14181d), ink: rgb(0xcfd6dd), muted: rgb(0x98a2ad), grid: rgb(0x2b323a), unmeasured: rgb(0x20262d), band: rgb(0x1e4d43),
		area: rgba(0xcfd6dd, 0x30), high: rgba(0xff7a4d, 0x90), red: rgb(0xff7a4d), blue: rgb(0x5cb3f0), green: rgb(0x3cc39a), violet: rgb(0xd394c4),
	},
	Light: {
		paper: rgb(0xffffff), ink: rgb(0x1d2329), muted: rgb(0x5b6671), grid: rgb(0xe3e7eb), unmeasured: rgb(0xf0f2f4), band: rgb(0xbfe6d9),
		area: rgba(0x1d2329, 0x22), high: rgba(0xe0541a, 0x90), red: rgb(0xc43e00), blue: rgb(0x0067a8), green: rgb(0x00795a), violet: rgb(0x9c4b87),
	},
}

func rgb(hex uint32) color.RGBA { return rgba(hex, 0xff) }

// rgba multiplies by the alpha, as package color wants it.
func rgba(hex, alpha uint32) color.RGBA {
	part := func(shift uint) uint8 { return uint8((hex >> shift & 0xff) * alpha / 0xff) }
	return color.RGBA{part(16), part(8), part(0), uint8(alpha)}
}
