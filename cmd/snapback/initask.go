package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/snapback/snapback/internal/setup"
)

// prompter asks whoever sits at the terminal, or reads lines from what stands in for one.
type prompter struct {
	in  *bufio.Reader
	tty *os.File // nil: it is none
	out io.Writer
}

func newPrompter(e env) *prompter {
	p := &prompter{in: bufio.NewReader(e.stdin), out: e.stdout}
	if f, ok := e.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.tty = f
	}
	return p
}

var errNobody = errors.New("there are no more answers")

// ask returns one line. A secret is not shown while it is typed. ctx ends with Ctrl-C.
func (p *prompter) ask(ctx context.Context, q setup.Question) (string, error) {
	type line struct {
		text string
		err  error
	}
	said := make(chan line, 1)
	hidden := q.Secret && p.tty != nil
	var shown *term.State
	if hidden {
		shown, _ = term.GetState(int(p.tty.Fd()))
	} else {
		fmt.Fprint(p.out, "> ")
	}
	go func() { // ends with the line, or with the program
		if hidden {
			text, err := term.ReadPassword(int(p.tty.Fd()))
			said <- line{string(text), err}
			return
		}
		text, err := p.in.ReadString('\n')
		if text != "" {
			err = nil // the last line may have no end
		}
		said <- line{text, err}
	}()
	if hidden {
		p.awaitHidden(shown)
		fmt.Fprint(p.out, "> ")
	}
	select {
	case got := <-said:
		if hidden {
			fmt.Fprintln(p.out)
		}
		if errors.Is(got.err, io.EOF) {
			return "", errNobody
		}
		return got.text, got.err
	case <-ctx.Done():
		if shown != nil {
			_ = term.Restore(int(p.tty.Fd()), shown)
		}
		fmt.Fprintln(p.out)
		return "", errors.New("interrupted")
	}
}

// awaitHidden waits until the terminal no longer shows what is typed, for a second at most: a secret is pasted as soon as it is asked for.
func (p *prompter) awaitHidden(shown *term.State) {
	for range 200 {
		if now, err := term.GetState(int(p.tty.Fd())); err != nil || shown == nil || *now != *shown {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
