package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/snapback/snapback/internal/outside"
)

func addYes(f *pflag.FlagSet, yes *bool) {
	f.BoolVarP(yes, "yes", "y", false, "don't ask; without a terminal nothing is asked in any case")
}

var errNotConfirmed = errors.New("not confirmed: nothing was done")

// confirm asks whoever sits at a terminal. A script has nobody to ask, and means what it calls.
func (e env) confirm(ctx context.Context, yes bool, question string) error {
	if in, ok := e.stdin.(*os.File); yes || !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return e.ask(ctx, question)
}

func (e env) ask(ctx context.Context, question string) error {
	fmt.Fprintf(e.stderr, "%s [y/N] ", outside.Line(question))
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(e.stdin).ReadString('\n')
		said <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line := <-said:
		if line == "y" || line == "yes" {
			return nil
		}
	case <-ctx.Done(): // Ctrl-C
		fmt.Fprintln(e.stderr)
	}
	return errNotConfirmed
}
