package snapshot

import (
	"context"
	"fmt"
	"time"

	"github.com/snapback/snapback/incidents/flat/errorlines"
)

// Condition is how a container is: what a person would look up first. Texts that programs have written have their secrets
// masked, and are outside text all the same. Times are UTC.
type Condition struct {
	At    time.Time // when it was looked up
	State string    // in Docker's words: running, exited, restarting and so on

	ExitCode    int       // of its last end
	OutOfMemory bool      // it was killed then because memory ran out
	EndedAt     time.Time // zero: it has never ended
	StartError  string    // why the engine could not start it; "" when it could
	Restarts    Restarts
	ByEngine    int       // how often the engine restarted it since it was last started by hand
	CreatedAt   time.Time // when it was made

	Health       string // "" (no health check), starting, healthy, unhealthy
	HealthOutput string // what the check has said last
	HealthFails  int    // how many checks in a row have failed

	Memory Load // in bytes
	CPU    Load // in CPUs

	Tasks *Tasks // of a service of a Swarm, which has neither restarts nor load of its own; nil: it is a container

	Lines    []LogLine // the last of its log, oldest first
	Ordinary bool      // they don't tell of errors: there were none
	Quiet    bool      // the log was read, and there is nothing in it
	Missing  []string  // what could not be looked up, and why, such as "its log: the log driver none can't be read"
	Untimely []string  // what was not answered in time, such as "load"
}

// Load is how much of something is in use. A Limit of 0 means that nothing limits it, and a Measured of false that it is not
// known.
type Load struct {
	Used, Limit float64
	Host        float64 // how much the host has; 0 when that is not known
	Measured    bool
}

// Share is how much of the limit is in use, or of what the host has when there is no limit; 0 when neither is known.
func (l Load) Share() float64 {
	of := l.Limit
	if of == 0 {
		of = l.Host
	}
	if of == 0 {
		return 0
	}
	return l.Used / of
}

// nearLimit is the share of a limit from which on it is worth a line in an alert.
const nearLimit = 0.9

// Scarce says that nearly all of it is in use.
func (l Load) Scarce() bool { return l.Measured && l.Share() >= nearLimit }

// Restarts is how often a container was restarted from a moment on: an hour ago, or since when it is known.
type Restarts struct {
	Times int
	Since time.Time
	Last  Ending // the end before the last restart; the zero one when none was seen
}

// Ending is one end of a container.
type Ending struct {
	At          time.Time
	ExitCode    int
	OutOfMemory bool
}

// LogLine is one line that a container wrote.
type LogLine struct {
	At     time.Time // zero: the engine does not say
	Stderr bool
	Text   string // masked
}

// recently is how far back restarts are counted.
const recently = time.Hour

// Examiner looks up how containers are. Engine is required.
type Examiner struct {
	Engine ConditionEngine
	Watch  RestartsSeen     // nil: only the engine's own count is known
	Now    func() time.Time // nil: time.Now
}

// ConditionEngine looks a container up by its full ID.
type ConditionEngine interface {
	// Condition fills in all but Restarts, with that many lines of the log, and with the use of the CPU when cpu is set: it takes
	// longer than the rest. What does not come before ctx ends is missing, and named in it. It returns ErrGone, ErrNotEnabled, or
	// ErrEngineAway when not even the state came.
	Condition(ctx context.Context, id string, lines int, cpu bool) (Condition, error)
}

// RestartsSeen remembers what has happened to containers.
type RestartsSeen interface {
	// Restarts counts those of a container, by the engine's full ID, from then on, or since when it has been watched.
	Restarts(id string, since time.Time) Restarts
}

// tailed is how many lines of the log the last errors are looked for in.
const tailed = 400

// shownLines is how many of them are kept.
const shownLines = 5

// Condition looks up how a container is, with the last errors of its log, and when whole is set with its use of the CPU, which may take
// seconds. See ConditionEngine for its errors.
func (e Examiner) Condition(ctx context.Context, c Container, whole bool) (Condition, error) {
	out, err := e.Engine.Condition(ctx, c.ID, tailed, whole)
	if err != nil {
		return out, err
	}
	out.At = e.now()
	out.Restarts = e.restarts(c.ID, out)
	if last := out.Restarts.Last; out.State == "running" && out.Restarts.Times > 0 && !last.At.IsZero() {
		out.ExitCode, out.OutOfMemory, out.EndedAt = last.ExitCode, last.OutOfMemory, last.At // the engine forgets these at a start
	}
	out.Lines, out.Ordinary = lastErrors(out.Lines, c.Settings.ErrorsPattern)
	return out, nil
}

func (e Examiner) now() time.Time {
	if e.Now != nil {
		return e.Now().UTC()
	}
	return time.Now().UTC()
}

// restarts prefers what was seen to happen. The engine's own count has no times: it is taken for a container that is younger
// than what was seen.
func (e Examiner) restarts(id string, c Condition) Restarts {
	from := c.At.Add(-recently)
	seen := Restarts{Since: c.At}
	if e.Watch != nil {
		seen = e.Watch.Restarts(id, from)
	}
	if c.CreatedAt.After(from) && c.ByEngine > seen.Times {
		seen.Times, seen.Since = c.ByEngine, c.CreatedAt
	}
	return seen
}

// lastErrors are the last lines that tell of errors, by the same rules as errors are counted by, or else, ordinary ones, the last
// that were written.
func lastErrors(all []LogLine, pattern string) (last []LogLine, ordinary bool) {
	rules, err := errorlines.New(pattern)
	if err != nil {
		rules = &errorlines.Rules{}
	}
	read := rules.Log()
	for _, l := range all {
		if isError, _ := read.Line([]byte(l.Text), l.Stderr, l.At); isError {
			last = append(last, l)
		}
	}
	if len(last) == 0 {
		last, ordinary = all, len(all) > 0
	}
	return last[max(0, len(last)-shownLines):], ordinary
}

// exits are what codes mean that are not the program's own. From 129 on it is 128 and the signal that has ended it.
var exits = map[int]string{
	125: "the engine could not run it", 126: "its command can't be run", 127: "its command was not found",
	129: "hung up", 130: "interrupted", 131: "quit", 132: "illegal instruction", 134: "aborted", 135: "bus error",
	136: "arithmetic error", 137: "killed", 139: "segmentation fault", 141: "broken pipe", 143: "told to stop", 159: "forbidden system call",
}

// ExitMeaning is what an exit code means, in a few words; "" when only the program knows.
func ExitMeaning(code int, outOfMemory bool) string {
	if outOfMemory {
		return "out of memory"
	}
	if meaning := exits[code]; meaning != "" {
		return meaning
	}
	if code > 128 && code < 128+65 {
		return fmt.Sprintf("signal %d", code-128)
	}
	return ""
}
