// Package setup is the first hour: it asks for the settings that are missing, tries each against the real thing as it is given, and
// writes it down at once, so that nothing is lost when somebody leaves midway. It edits files of settings and leaves alone
// what it was not asked about. What a setting is tried against is its caller's.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrMissing says that settings are missing or wrong, and that nobody is there to be asked.
var ErrMissing = errors.New("settings are missing or wrong")

// missing is an ErrMissing of one setting.
type missing struct {
	name string
	why  error
}

func (m missing) Error() string        { return m.name + ": " + m.why.Error() }
func (m missing) Unwrap() error        { return m.why }
func (m missing) Is(target error) bool { return target == ErrMissing }

// Question is one setting, or a choice by which others matter or don't.
type Question struct {
	Name     string
	Where    string // what it is, and where to find it
	Secret   bool   // it is not shown while it is typed
	Optional bool   // an empty answer leaves it as it is, and None takes it away
	Check    Check  // nil: nothing is tried
	Before   func() // is done before it is asked for; nil: nothing

	// Skip says that it does not matter by now, unless it was given or is to be asked for; nil: it always does.
	Skip func() bool
	// Decide makes it no setting, but a question that is answered by yes or no, which nobody has to answer and nothing keeps; nil: it
	// is a setting.
	Decide func(yes bool)
}

// None is the answer that takes an optional setting away.
const None = "-"

// Check tries a value, and says what it has found.
type Check func(ctx context.Context, value string) (found string, err error)

// Target is where settings are written.
type Target interface {
	// Get reads one: "" when it is not set.
	Get(name string) string
	// Stands says whether one is written there, be it as an empty one: then it was left out on purpose.
	Stands(name string) bool
	// Set writes one, at once; "" leaves it out on purpose.
	Set(name, value string) error
	// String is where that is, for people.
	String() string
}

// Wizard asks for settings.
type Wizard struct {
	Target Target
	Given  map[string]string                                     // answers that were given beforehand: they are tried and written
	Again  []string                                              // settings to ask for although they are set; if there are any, no other optional one is
	Ask    func(ctx context.Context, q Question) (string, error) // nil: nobody is there
	Out    io.Writer
}

// Run goes through the questions in order. Without somebody to ask, it goes through all, and returns what wraps ErrMissing with a line
// for each that is missing or wrong.
func (w Wizard) Run(ctx context.Context, questions []Question) error {
	var wrong error
	for _, q := range questions {
		if err := w.answer(ctx, q); errors.Is(err, ErrMissing) {
			wrong = errors.Join(wrong, err)
		} else if err != nil {
			return err
		}
	}
	return wrong
}

// answer sees to one question.
func (w Wizard) answer(ctx context.Context, q Question) error {
	given, ok := w.Given[q.Name]
	switch {
	case ok:
		return w.take(ctx, q, given)
	case q.Skip != nil && !slices.Contains(w.Again, q.Name) && q.Skip():
		return nil
	case q.Decide != nil:
		return w.decide(ctx, q)
	}
	now, again := w.Target.Get(q.Name), slices.Contains(w.Again, q.Name)
	good := now != ""
	if good && !again {
		found, err := q.try(ctx, now)
		if err == nil {
			w.say("ok    %s: %s", q.Name, found)
			return nil
		}
		w.say("wrong %s: %v", q.Name, err)
		if w.Ask == nil {
			return missing{q.Name, err}
		}
		good = false
	}
	switch {
	case q.Optional && now == "" && !again && w.settled(q):
		return nil
	case w.Ask == nil:
		return missing{q.Name, errors.New("is missing: " + q.Where)}
	}
	return w.ask(ctx, q, now, good)
}

// settled says that nobody is to be asked for an optional setting that is not set.
func (w Wizard) settled(q Question) bool {
	return w.Ask == nil || len(w.Again) > 0 || w.Target.Stands(q.Name)
}

// ask asks until the answer holds. It is written before the next question. What is set now may be wrong.
func (w Wizard) ask(ctx context.Context, q Question, now string, good bool) error {
	if q.Before != nil {
		q.Before()
	}
	w.say("\n%s: %s%s", q.Name, q.Where, q.ways(now, good))
	for {
		answer, err := w.hear(ctx, q)
		if err != nil {
			return err
		}
		if answer == "" && q.Optional && (good || now == "") {
			return w.leave(q, now)
		}
		if err := w.take(ctx, q, answer); err == nil || ctx.Err() != nil || !errors.Is(err, ErrMissing) {
			return err
		} else if answer == "" {
			w.say("It is needed.")
		} else {
			w.say("%v", err)
		}
	}
}

// ways are what can be answered besides a value.
func (q Question) ways(now string, good bool) string {
	switch {
	case !q.Optional:
		return ""
	case now == "":
		return "\n(An empty answer leaves it out.)"
	case good:
		return "\n(It is set. An empty answer leaves it so; " + None + " takes it away.)"
	}
	return "\n(" + None + " takes it away.)"
}

// leave leaves an optional setting as it is. That it is left out is written as well, so that nobody is asked again.
func (w Wizard) leave(q Question, now string) error {
	if now != "" || w.Target.Stands(q.Name) {
		return nil
	}
	return w.write(q, "")
}

// decide asks until the answer is yes or no.
func (w Wizard) decide(ctx context.Context, q Question) error {
	if w.Ask == nil {
		return nil
	}
	w.say("\n%s", q.Where)
	for {
		answer, err := w.hear(ctx, q)
		if err != nil {
			return err
		}
		switch strings.ToLower(answer) {
		case "y", "yes":
			q.Decide(true)
			return nil
		case "n", "no":
			q.Decide(false)
			return nil
		}
		w.say("Type yes or no.")
	}
}

// hear is one line of whoever is there.
func (w Wizard) hear(ctx context.Context, q Question) (string, error) {
	answer, err := w.Ask(ctx, q)
	if err != nil {
		return "", fmt.Errorf("%w. What was answered is in %s: snapback init goes on from there", err, w.Target)
	}
	return strings.TrimSpace(answer), nil
}

// take tries an answer and writes it.
func (w Wizard) take(ctx context.Context, q Question, answer string) error {
	switch {
	case answer == None && q.Optional:
		return w.takeAway(q)
	case answer == None:
		return missing{q.Name, errors.New("is needed: it can't be taken away")}
	case answer == "" && q.Optional:
		return missing{q.Name, errors.New("is empty: " + None + " takes it away")}
	case answer == "":
		return missing{q.Name, errors.New("is empty")}
	}
	found, err := q.try(ctx, answer)
	if err != nil {
		return missing{q.Name, err}
	}
	if err := w.write(q, answer); err != nil {
		return err
	}
	w.say("ok    %s: %s", q.Name, found)
	return nil
}

func (w Wizard) takeAway(q Question) error {
	if w.Target.Get(q.Name) != "" || !w.Target.Stands(q.Name) {
		if err := w.write(q, ""); err != nil {
			return err
		}
	}
	if w.Target.Get(q.Name) != "" {
		w.say("warn  %s: it is not in %s any more, and is set in the environment all the same", q.Name, w.Target)
		return nil
	}
	w.say("ok    %s: left out", q.Name)
	return nil
}

func (w Wizard) write(q Question, value string) error {
	if err := w.Target.Set(q.Name, value); err != nil {
		return fmt.Errorf("writing %s: %w", q.Name, err)
	}
	return nil
}

func (q Question) try(ctx context.Context, value string) (string, error) {
	if q.Check == nil {
		return "set", nil
	}
	return q.Check(ctx, value)
}

func (w Wizard) say(format string, args ...any) { fmt.Fprintf(w.Out, format+"\n", args...) }
