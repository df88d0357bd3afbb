package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/snapback/snapback/incidents"
)

// tone is a colour with a meaning: its number in SGR (ECMA-48, 8.3.117).
type tone int

const (
	bad      tone = 31
	good     tone = 32
	worrying tone = 33
	plain    tone = 39
)

// colourful is a terminal that shows colours.
type colourful struct{ io.Writer }

// shown is standard output, in colours where it is a terminal, and neither NO_COLOR (https://no-color.org) nor TERM=dumb asks for none.
func (e env) shown() io.Writer {
	f, ok := e.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || e.getenv("NO_COLOR") != "" || e.getenv("TERM") == "dumb" {
		return e.stdout
	}
	return colourful{e.stdout}
}

// painted is text in a tone, where out shows colours. All tones take as many bytes: a column stays even if all of it is painted, its
// heading as well.
func painted(out io.Writer, t tone, text string) string {
	if _, ok := out.(colourful); !ok {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", t, text)
}

// toneOf is the tone of a container's state, as the engine calls it.
func toneOf(state string) tone {
	switch state {
	case "running":
		return good
	case "created", "paused", "restarting", "removing":
		return worrying
	case "exited", "dead":
		return bad
	}
	return plain
}

func toneOfStatus(status incidents.Status) tone {
	switch status {
	case incidents.Triggered:
		return bad
	case incidents.Acknowledged:
		return worrying
	case incidents.Resolved:
		return good
	}
	return plain
}

// toneIf is good, or bad.
func toneIf(well bool) tone {
	if well {
		return good
	}
	return bad
}
