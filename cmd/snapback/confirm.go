package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/snapback/snapback/internal/outside"
)

func addYes(f *pflag.FlagSet, yes *bool) {
	f.BoolVarP(yes, "yes", "y", false, "don't ask")
}

var errNotConfirmed = errors.New("not confirmed: nothing was done")

// confirm asks whoever sits at a terminal. A script has nobody to ask, and means what it calls.
func (e env) confirm(yes bool, question string) error {
	if in, ok := e.stdin.(*os.File); yes || !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return e.ask(question)
}

func (e env) ask(question string) error {
	fmt.Fprintf(e.stderr, "%s [y/N] ", outside.Line(question))
	line, _ := bufio.NewReader(e.stdin).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}
