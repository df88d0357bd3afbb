package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// check is one thing that has to work at night.
type check struct {
	group string // which part it belongs to, as a heading; "": none
	name  string
	todo  string // one line: what to do, or where to read, when it is not well
	ask   func(context.Context) (finding string, err error)
}

// caution is what people should know, and what would work at night all the same.
type caution struct{ error }

const checkLimit = 20 * time.Second // for one check

// checked is what a check has found, as --json shows it.
type checked struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	State string `json:"state"` // ok, warning or failed
	Found string `json:"found"`
	Todo  string `json:"todo,omitempty"`
}

const (
	checkOK      = "ok"
	checkWarning = "warning"
	checkFailed  = "failed"
)

var (
	marks = map[string]string{checkOK: "✓", checkWarning: "!", checkFailed: "✗"}
	tones = map[string]tone{checkOK: good, checkWarning: worrying, checkFailed: bad}
)

func (c check) run(ctx context.Context) checked {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	found, err := c.ask(ctx)
	out := checked{Group: c.group, Name: c.name, State: checkOK, Found: strings.TrimSpace(found)}
	if err == nil {
		return out
	}
	out.State, out.Found, out.Todo = checkFailed, err.Error(), c.todo
	if errors.As(err, new(caution)) {
		out.State = checkWarning
	}
	return out
}

// examine runs the checks in order and prints a line for each as it ends, with what to do under those that are not well. It returns
// an error when something would not work at night.
func examine(ctx context.Context, w io.Writer, checks []check) error {
	var all []checked
	for i, c := range checks {
		if c.group != "" && (i == 0 || checks[i-1].group != c.group) {
			fmt.Fprintln(w, c.group)
		}
		one := c.run(ctx)
		fmt.Fprintf(w, "%s %-22s %s\n", painted(w, tones[one.State], marks[one.State]), one.Name, indented(one.Found))
		if one.Todo != "" {
			fmt.Fprintf(w, "  %-22s → %s\n", "", one.Todo)
		}
		all = append(all, one)
	}
	if err := verdict(all); err != nil {
		return err
	}
	fmt.Fprintf(w, "ready for tonight%s\n", warnings(all))
	return nil
}

func indented(text string) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 25))
}

// examineForScripts is examine, as JSON.
func examineForScripts(ctx context.Context, w io.Writer, checks []check) error {
	all := make([]checked, 0, len(checks))
	for _, c := range checks {
		all = append(all, c.run(ctx))
	}
	err := verdict(all)
	return errors.Join(printJSON(w, map[string]any{"ready": err == nil, "checks": all}), err)
}

// verdict is nil when everything would work at night.
func verdict(all []checked) error {
	if n := count(all, checkFailed); n > 0 {
		return fmt.Errorf("not ready for tonight: %d of %d failed%s", n, len(all), warnings(all))
	}
	return nil
}

func warnings(all []checked) string {
	switch n := count(all, checkWarning); n {
	case 0:
		return ""
	case 1:
		return ", with a warning"
	default:
		return fmt.Sprintf(", with %d warnings", n)
	}
}

func count(all []checked, state string) (n int) {
	for _, c := range all {
		if c.State == state {
			n++
		}
	}
	return n
}
