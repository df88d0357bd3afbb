package chart

import (
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/internal/outside"
)

// maxAltText is how many characters Slack takes.
const maxAltText = 1000

// AltText is the picture in words, in the order in which people look at it.
func (c Chart) AltText() string {
	c = c.withDefaults()
	var out strings.Builder
	fmt.Fprintf(&out, "Errors a minute of %s from %s to %s.", outside.Clip(c.Service, 100), c.clock(c.From), c.clock(c.To))
	if b := c.Baseline; b != nil {
		fmt.Fprintf(&out, " The baseline is %s, up to %s are usual.", rate(b.Rate), rate(b.Upper))
	} else {
		out.WriteString(" No baseline is known.")
	}
	if n := len(c.Minutes); n == 0 {
		out.WriteString(" Nothing was measured.")
	} else {
		most := c.highest()
		if most.Rate() == 0 {
			out.WriteString(" There were none.")
		} else {
			fmt.Fprintf(&out, " At most %s, at %s.", rate(most.Rate()), c.clock(most.At))
		}
		if most.Rate() > 0 && c.measuredToTheEnd() {
			fmt.Fprintf(&out, " At the end %s.", rate(recent(c.Minutes)))
		}
		for _, g := range c.gaps() {
			fmt.Fprintf(&out, " Not measured from %s to %s.", c.clock(g.from), c.clock(g.to))
		}
	}
	for i, e := range c.Events {
		lead := ", "
		if i == 0 {
			lead = " Marked are: "
		}
		fmt.Fprintf(&out, "%s%s at %s", lead, e.name(), c.clock(e.At))
	}
	if len(c.Events) > 0 {
		out.WriteByte('.')
	}
	return outside.Clip(out.String(), maxAltText)
}

func (c Chart) clock(t time.Time) string {
	if c.To.Sub(t).Abs() < 24*time.Hour {
		return t.In(c.Zone).Format("15:04")
	}
	return t.In(c.Zone).Format("Jan 2 15:04")
}
