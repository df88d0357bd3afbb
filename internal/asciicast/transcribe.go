package asciicast

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// Mark is a moment that a player shows. A negative time is before the recording, and is shown at its begin.
type Mark struct {
	At    time.Duration // since the begin of the recording
	Label string
}

// trailing is how long after the last event a mark still belongs to a recording: what has ended a shell is told after its end.
const trailing = time.Minute

// Transcribe returns a writer that takes a recording of version 2 or 3, in pieces of any size, and writes it to w as version 3 with
// marks in it. What is no asciicast is written as it came. Close writes what comes after the last event; it does not close w.
func Transcribe(w io.Writer, marks []Mark) io.WriteCloser {
	marks = slices.Clone(marks)
	slices.SortStableFunc(marks, func(a, b Mark) int { return cmp.Compare(a.At, b.At) })
	return &transcript{w: w, marks: marks}
}

type transcript struct {
	w       io.Writer
	marks   []Mark // those that are still to come
	version int    // of what comes; 0: not known yet; foreign: none
	from    int64  // where the events that come are, in microseconds since the begin
	to      Clock  // of what is written
	rest    []byte // the begin of a line whose end has not come yet
	exit    []byte // the exit status, which is written last
}

const foreign = -1

func (t *transcript) Write(p []byte) (int, error) {
	if t.version == foreign {
		return t.w.Write(p)
	}
	t.rest = append(t.rest, p...)
	for {
		line, rest, found := bytes.Cut(t.rest, []byte{'\n'})
		if !found {
			return len(p), nil
		}
		if err := t.line(line); err != nil {
			return 0, err
		}
		if t.rest = rest; t.version == foreign {
			_, err := t.w.Write(rest)
			t.rest = nil
			return len(p), err
		}
	}
}

// Close writes the marks that are left, and the exit status.
func (t *transcript) Close() error {
	if t.version == foreign || t.version == 0 {
		_, err := t.w.Write(t.rest)
		return err
	}
	if err := t.line(t.rest); err != nil { // one that was cut
		return err
	}
	if err := t.markUpTo(time.Duration(t.from)*time.Microsecond + trailing); err != nil || t.exit == nil {
		return err
	}
	return t.event(t.from, t.exit)
}

func (t *transcript) line(line []byte) error {
	switch {
	case t.version == 0:
		return t.begin(line)
	case len(line) == 0 || line[0] == '#': // a comment
		return nil
	}
	at, rest, isEvent := t.read(line)
	if !isEvent { // a post-mortem is made of what can be read
		_, err := fmt.Fprintf(t.w, "# not an event: %.80q\n", line)
		return err
	}
	if err := t.markUpTo(time.Duration(at) * time.Microsecond); err != nil {
		return err
	}
	t.from = at
	if bytes.HasPrefix(rest, []byte(`"`+Exit+`"`)) {
		t.exit = bytes.Clone(rest)
		return nil
	}
	return t.event(at, rest)
}

// begin reads the header. Version 2 has the size beside the rest.
func (t *transcript) begin(line []byte) error {
	var h struct {
		Header
		Width  int               `json:"width"`
		Height int               `json:"height"`
		Env    map[string]string `json:"env"`
	}
	if err := json.Unmarshal(line, &h); err != nil || h.Version != 2 && h.Version != Version {
		t.version = foreign
		_, err := t.w.Write(append(line, '\n'))
		return err
	}
	t.version = h.Version
	if h.Version == 2 {
		h.Term = Term{Cols: h.Width, Rows: h.Height, Type: h.Env["TERM"]}
	}
	first, err := Begin(h.Header)
	if err == nil {
		_, err = t.w.Write(first)
	}
	return err
}

// read takes an event's time from a line, and leaves its code and data as they are.
func (t *transcript) read(line []byte) (at int64, rest []byte, isEvent bool) {
	number, rest, found := bytes.Cut(line, []byte{','})
	if !found || !bytes.HasPrefix(number, []byte{'['}) || !bytes.HasSuffix(line, []byte{']'}) {
		return 0, nil, false
	}
	seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(number[1:])), 64)
	if err != nil || math.IsNaN(seconds) || math.Abs(seconds) > 1e9 {
		return 0, nil, false
	}
	at = int64(math.Round(seconds * 1e6))
	if t.version == Version {
		at += t.from
	}
	return at, bytes.TrimSpace(rest), true
}

func (t *transcript) event(at int64, rest []byte) error {
	_, err := fmt.Fprintf(t.w, "[%s,%s\n", t.to.step(time.Duration(at)*time.Microsecond), rest)
	return err
}

func (t *transcript) markUpTo(at time.Duration) error {
	for len(t.marks) > 0 && t.marks[0].At <= at {
		line, err := t.to.Line(max(0, t.marks[0].At), Marker, t.marks[0].Label)
		if err == nil {
			_, err = t.w.Write(line)
		}
		if err != nil {
			return err
		}
		t.marks = t.marks[1:]
	}
	return nil
}
