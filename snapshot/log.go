package snapshot

import (
	"errors"
	"time"
)

// ErrLogUnreadable says that the engine can't read a container's log: its driver hands everything to somebody else.
var ErrLogUnreadable = errors.New("the log can't be read")

// LogAsk is which part of a container's log to read.
type LogAsk struct {
	Since  time.Time // lines from then on, by this bot's clock
	Last   int       // at most so many lines of what is there already, of a service: of each task; the engine reads no more than these
	Follow bool      // go on with what comes, until the container stops
}

// RawLine is one line of a container's log as it is, with the secrets that may be in it. It may be kept no longer than the call that hands it over.
type RawLine struct {
	At     time.Time // UTC, by this bot's clock; zero: not known
	Stderr bool
	Text   []byte // without the line break; of a long line, the first 16 KiB
	Task   string // of a service: the ID of the task that has written it; "": it is of a container
}
