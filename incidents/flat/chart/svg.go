package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"strconv"
	"strings"
)

// names are the classes of an SVG's shapes.
var names = map[role]string{
	paper: "paper", ink: "ink", muted: "muted", grid: "grid", unmeasured: "gap", band: "band", area: "area", high: "high",
	red: "red", blue: "blue", green: "green", violet: "violet",
}

// SVG is the picture as an SVG document that refers to nothing outside, and can stand within a page as it is: its styles are for itself
// alone. Screen readers read AltText. Text takes the room that it was laid out for, whatever the reader's font.
func (c Chart) SVG(theme Theme) []byte {
	s, fonts := c.layOut(), rulers{}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" class="snapback-chart" viewBox="0 0 %s %s" width="%s" height="%s" role="img">`,
		short(s.w), short(s.h), short(s.w), short(s.h))
	fmt.Fprintf(&out, "\n<title>%s</title>\n<style>%s</style>\n", escaped(c.AltText()), styles(theme))
	for _, one := range s.shapes {
		switch shape := one.(type) {
		case filled:
			fmt.Fprintf(&out, `<path class="%s" d="%sz"/>`, names[shape.colour], path(shape.points))
		case line:
			dash := ""
			if shape.dash > 0 {
				dash = ` stroke-dasharray="` + short(shape.dash) + `"`
			}
			fmt.Fprintf(&out, `<path class="s %s" stroke-width="%s"%s d="%s"/>`, names[shape.colour], short(shape.width), dash, path(shape.points))
		case text:
			fmt.Fprintf(&out, `<text class="%s"%s x="%s" y="%s" font-size="%s" textLength="%s" lengthAdjust="spacingAndGlyphs">%s</text>`,
				names[shape.colour], shape.attributes(), short(shape.x), short(shape.y), short(shape.size), short(fonts.width(shape)), escaped(shape.s))
		}
		out.WriteByte('\n')
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func (t text) attributes() string {
	var out string
	if t.right {
		out += ` text-anchor="end"`
	}
	if t.bold {
		out += ` font-weight="700"`
	}
	return out
}

// styles give each role its colour, as fill or, with s, as stroke.
func styles(theme Theme) string {
	if theme != Auto {
		return base + colours(theme)
	}
	return base + colours(Light) + "@media (prefers-color-scheme:dark){" + colours(Dark) + "}"
}

const base = `.snapback-chart{max-width:100%;height:auto;font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}` +
	`.snapback-chart .s{fill:none;stroke-linejoin:round}`

func colours(theme Theme) string {
	var out strings.Builder
	for r := paper; r <= violet; r++ {
		c, opacity := web(palettes[theme][r])
		fmt.Fprintf(&out, ".snapback-chart .%s{fill:%s%s}", names[r], c, opacity)
		fmt.Fprintf(&out, ".snapback-chart .s.%s{fill:none;stroke:%s}", names[r], c)
	}
	return out.String()
}

// web is a colour as CSS has it, with its opacity unless that is whole.
func web(c color.RGBA) (hex, opacity string) {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	if n.A != 0xff {
		opacity = ";fill-opacity:" + strconv.FormatFloat(float64(n.A)/0xff, 'f', 2, 64)
	}
	return fmt.Sprintf("#%02x%02x%02x", n.R, n.G, n.B), opacity
}

func path(points []point) string {
	var out strings.Builder
	for i, p := range points {
		command := "L"
		if i == 0 {
			command = "M"
		}
		out.WriteString(command + short(p.x) + " " + short(p.y))
	}
	return out.String()
}

// short is a number to a hundredth of a point.
func short(n float64) string {
	s := strconv.FormatFloat(n, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func escaped(s string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(s)) // a buffer takes everything
	return out.String()
}
