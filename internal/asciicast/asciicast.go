// Package asciicast writes what a terminal has shown as asciicast v3: a JSON header, then one JSON event a line, each with the
// seconds since the event before it (https://docs.asciinema.org/manual/asciicast/v3/). Transcribe adds markers to a recording that
// is there, and brings one of version 2 to version 3.
//
// It knows neither shells nor incidents. What somebody has typed is not among its events.
package asciicast

import (
	"encoding/json"
	"fmt"
	"time"
)

// Version is that of what is written.
const Version = 3

// MediaType is that of a recording.
const MediaType = "application/x-asciicast"

// Header is what is known when a recording begins.
type Header struct {
	Version   int    `json:"version"`
	Term      Term   `json:"term"`
	Timestamp int64  `json:"timestamp,omitempty"` // of its begin, in seconds since 1970
	Title     string `json:"title,omitempty"`
}

// Term is the terminal that has shown it.
type Term struct {
	Cols int    `json:"cols"`
	Rows int    `json:"rows"`
	Type string `json:"type,omitempty"`
}

// The codes of events.
const (
	Output = "o"
	Resize = "r" // data: COLSxROWS
	Marker = "m" // data: a label
	Exit   = "x" // data: the exit status
)

// Size is the data of a Resize.
func Size(cols, rows int) string { return fmt.Sprintf("%dx%d", cols, rows) }

// Begin is the first line of a recording.
func Begin(h Header) ([]byte, error) {
	h.Version = Version
	line, err := json.Marshal(h)
	return append(line, '\n'), err
}

// Clock turns times since the begin into the intervals between events. Their sum is the time to the microsecond, however many there are.
// The zero Clock stands at the begin.
type Clock struct{ at int64 }

// Line is an event's. A time before the last event's counts as that one's.
func (c *Clock) Line(at time.Duration, code, data string) ([]byte, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	const around = 40 // bytes, for a time and a code
	line := fmt.Appendf(make([]byte, 0, around+len(text)), `[%s,"%s",`, c.step(at), code)
	return append(append(line, text...), ']', '\n'), nil
}

// step moves the clock on, and says by how many seconds.
func (c *Clock) step(at time.Duration) string {
	now := max(at.Microseconds(), c.at)
	by := now - c.at
	c.at = now
	return fmt.Sprintf("%d.%06d", by/1e6, by%1e6)
}
