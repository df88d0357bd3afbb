package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// taken is a step that a command has told of in a line, as --json shows it.
type taken struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// takenSteps is what --json shows of a command that does one thing after the other.
type takenSteps struct {
	OK    bool    `json:"ok"`
	Steps []taken `json:"steps"`
	Error string  `json:"error,omitempty"` // why it is not ok
}

// recorder keeps the lines that are written to it, and passes them on.
type recorder struct {
	to    io.Writer
	begun []byte // a line that has no end yet
	steps []taken
}

func (r *recorder) Write(p []byte) (int, error) {
	r.begun = append(r.begun, p...)
	for {
		line, rest, whole := bytes.Cut(r.begun, []byte("\n"))
		if !whole {
			return r.to.Write(p)
		}
		if what := strings.Join(strings.Fields(string(line)), " "); what != "" {
			r.steps = append(r.steps, taken{time.Now().UTC(), what})
		}
		r.begun = rest
	}
}

// recorded does something that tells its steps on standard output. With asJSON they go to standard error as they are taken, and
// standard output gets all of them at the end, however it ends.
func (e env) recorded(asJSON bool, do func(env) error) error {
	if !asJSON {
		return do(e)
	}
	out := e.stdout
	r := &recorder{to: e.stderr}
	e.stdout = r
	err := do(e)
	result := takenSteps{OK: err == nil, Steps: append([]taken{}, r.steps...)}
	if err != nil {
		result.Error = err.Error()
	}
	return errors.Join(err, printJSON(out, result))
}

func addStepsJSON(f *pflag.FlagSet, asJSON *bool) {
	f.BoolVar(asJSON, "json", false, `its steps, "ok" and "error", on standard output at the end; as they are taken, the steps go to standard error`)
}
