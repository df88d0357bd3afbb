package terminal

import (
	"sync"
	"time"
)

// How much a feed holds. A viewer that falls further behind misses log lines, and is dropped from a shell.
const (
	feedLines     = 2000
	feedLineBytes = 1 << 20
	feedOutput    = 256 << 10
	batchLines    = 200
	batchOutput   = 32 << 10
)

// shownLine is a log line, or a note of ours between them.
type shownLine struct {
	At   time.Time `json:"at,omitzero"`
	Kind string    `json:"kind,omitempty"` // "", err, note
	Text string    `json:"text"`
}

// status is what the top bar says.
type status struct {
	Container string `json:"container"`
	Image     string `json:"image"`
	State     string `json:"state"`
	Shell     string `json:"shell"`         // none, starting, running, ending, ended
	Run       string `json:"run,omitempty"` // which shell that is, or was
	Message   string `json:"message,omitempty"`
}

// cursor is how far a viewer has read. Lines and output count from the session's start.
type cursor struct {
	Lines   int64 `json:"lines"`
	Output  int64 `json:"output"`
	version int
}

// batch is what came after a cursor.
type batch struct {
	lines   []shownLine
	skipped int64
	output  []byte
	offset  int64 // of output
	overrun bool  // output was lost, which a terminal can't be shown
	status  *status
	next    cursor
}

func (b batch) empty() bool {
	return len(b.lines) == 0 && len(b.output) == 0 && b.status == nil && !b.overrun
}

// feed is what viewers read from, each at its own pace. Writers never wait.
type feed struct {
	mu        sync.Mutex // guards all below
	changed   chan struct{}
	lines     []shownLine
	lineBytes int
	firstLine int64
	output    []byte
	firstByte int64
	status    status
	version   int
}

func newFeed(st status) *feed { return &feed{changed: make(chan struct{}), status: st, version: 1} }

// wake must be called with mu held.
func (f *feed) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) addLine(l shownLine) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, l)
	f.lineBytes += len(l.Text)
	for len(f.lines) > feedLines || f.lineBytes > feedLineBytes {
		f.lineBytes -= len(f.lines[0].Text)
		f.lines = f.lines[1:]
		f.firstLine++
	}
	f.wake()
}

func (f *feed) addOutput(p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.output = append(f.output, p...)
	if over := len(f.output) - feedOutput; over > 0 {
		f.output = append(f.output[:0], f.output[over:]...)
		f.firstByte += int64(over)
	}
	f.wake()
}

// written is how much output there has been since the session's start.
func (f *feed) written() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.firstByte + int64(len(f.output))
}

// update changes the status, and wakes nobody when nothing came of it.
func (f *feed) update(change func(*status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.status
	if change(&f.status); f.status != before {
		f.version++
		f.wake()
	}
}

// resume turns what a browser says that it has into a cursor that lies in the feed; what it says may be anything.
// One that has nothing begins in the middle of what is held, so that a flood does not overtake it at once.
func (f *feed) resume(c cursor) cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.Lines < f.firstLine || c.Lines > f.firstLine+int64(len(f.lines)) {
		c.Lines = f.firstLine
	}
	if last := f.firstByte + int64(len(f.output)); c.Output < f.firstByte || c.Output > last {
		c.Output = max(f.firstByte, last-feedOutput/2)
	}
	return cursor{Lines: c.Lines, Output: c.Output}
}

// after returns what comes next, and a channel that is closed when there is more than that.
func (f *feed) after(c cursor) (batch, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := batch{next: c, offset: c.Output}
	f.takeLines(&b)
	f.takeOutput(&b)
	if c.version != f.version {
		st := f.status
		b.status, b.next.version = &st, f.version
	}
	return b, f.changed
}

func (f *feed) takeLines(b *batch) {
	if b.next.Lines < f.firstLine {
		b.skipped = f.firstLine - b.next.Lines
		b.next.Lines = f.firstLine
	}
	rest := f.lines[b.next.Lines-f.firstLine:]
	b.lines = append(b.lines, rest[:min(len(rest), batchLines)]...)
	b.next.Lines += int64(len(b.lines))
}

func (f *feed) takeOutput(b *batch) {
	if b.overrun = b.next.Output < f.firstByte; b.overrun {
		return
	}
	rest := f.output[b.next.Output-f.firstByte:]
	b.output = append(b.output, rest[:min(len(rest), batchOutput)]...)
	b.next.Output += int64(len(b.output))
}
