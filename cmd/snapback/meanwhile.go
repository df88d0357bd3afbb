package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/outside"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

const (
	tellEvery    = 10 * time.Second
	rewriteEvery = 2 * time.Second // on a terminal
)

// liveLine says how something gets on: on a terminal in one line, which is written anew each time, and elsewhere in a line each time.
type liveLine struct {
	out   io.Writer
	width func() int // of the terminal, in columns; nil: out is none
	shown bool       // something stands on the terminal's line
}

// liveLine is one on out. A terminal that is said to be dumb can't rewrite a line.
func (e env) liveLine(out io.Writer) *liveLine {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || e.getenv("TERM") == "dumb" {
		return &liveLine{out: out}
	}
	return &liveLine{out: out, width: func() int {
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil || columns < 20 {
			return 80
		}
		return columns
	}}
}

// every is how often to say something.
func (l *liveLine) every() time.Duration {
	if l.width == nil {
		return tellEvery
	}
	return rewriteEvery
}

// say cuts what a terminal has no room for: a line that is broken could not be rewritten.
func (l *liveLine) say(text string) {
	if l.width == nil {
		fmt.Fprintln(l.out, text)
		return
	}
	fmt.Fprintf(l.out, "\r%s\x1b[K", outside.Clip(text, l.width()-1)) // EL of ECMA-48, 8.3.41
	l.shown = true
}

// end takes away what stands on the terminal's line. What is printed next takes its place.
func (l *liveLine) end() {
	if l.shown {
		fmt.Fprint(l.out, "\r\x1b[K")
	}
	l.shown = false
}

// tellMeanwhile does something that has one answer, at its end, and says every now and then for how long that has been going on, and what
// more is known of it: volumes take minutes, and a pipeline ends what is silent. more is called until the answer is there; nil: nothing is.
func tellMeanwhile(ctx context.Context, line *liveLine, what string, more func(context.Context) string, do func()) {
	ctx, answered := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer answered()
		do()
	}()
	defer line.end()
	began, tick := time.Now(), time.NewTicker(line.every())
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			known := ""
			if more != nil {
				known = more(ctx)
			}
			line.say(fmt.Sprintf("  %s … %s%s", outside.Line(what), time.Since(began).Round(time.Second), known))
		}
	}
}

// archivingOf is what more is known of a snapshot that is being taken: how far it is with the container's volumes. A bot that refuses to say is
// not asked again.
func archivingOf(c *client.Client, container string) func(context.Context) string {
	refused := false
	return func(ctx context.Context) string {
		if refused {
			return ""
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		is, err := c.Container(ctx, container)
		var answer *client.Error
		refused = errors.As(err, &answer) && answer.Status < http.StatusInternalServerError
		return comma(is.Archiving)
	}
}

// comma is how far something is, for the end of a line.
func comma(p *snapshot.Progress) string {
	if p == nil {
		return ""
	}
	return ", " + outside.Line(p.String())
}

// phasePrinter prints every phase once it is over, and the one that runs when it begins to, and for how long it has run every now and then:
// filling volumes takes minutes.
type phasePrinter struct {
	line  *liveLine
	over  int
	begun restore.State
	since time.Time // when begun was
	told  time.Time // when something was printed last
}

func (p *phasePrinter) print(r wire.Restore) {
	for _, phase := range r.Phases[min(p.over, len(r.Phases)):] {
		p.line.end()
		fmt.Fprintf(p.line.out, "  %-10s %6d ms\n", phase.State, phase.Ms)
	}
	p.over = max(p.over, len(r.Phases))
	now := time.Now()
	switch {
	case r.State.Final():
		p.line.end()
	case r.State != p.begun:
		p.line.say(fmt.Sprintf("  %s …", r.State))
		p.begun, p.since, p.told = r.State, now, now
	case now.Sub(p.told) >= p.line.every():
		p.line.say(fmt.Sprintf("  %s … %s%s", r.State, now.Sub(p.since).Round(time.Second), comma(r.Progress)))
		p.told = now
	}
}
