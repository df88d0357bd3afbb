package terminal

import (
	"encoding/binary"
	"sync"
	"time"
)

// How much a feed holds. A viewer that falls further behind misses log lines, and of a shell's
// output all but the newest; its page starts an empty screen there.
const (
	feedLines     = 2000
	feedLineBytes = 1 << 20
	feedOutput    = 1 << 20   // four times what comes at once: who shows it has a moment to take it
	replayed      = 128 << 10 // of it, to who has just come or has lost the place
	batchLines    = 200
	batchOutput   = 32 << 10
	idleOutput    = 30 * time.Second      // without output: whoever reads slowly has read what there was
	floodPause    = 25 * time.Millisecond // after a full batch of lines: nobody reads 8,000 a second, and no phone draws them
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
	Service   bool   `json:"service,omitempty"` // it is one, with tasks, and not a container
	Shell     string `json:"shell"`             // none, starting, running, ending, ended
	Run       string `json:"run,omitempty"`     // which shell that is, or was
	Task      string `json:"task,omitempty"`    // in which a shell runs, as Place has it
	Message   string `json:"message,omitempty"`
	IdleAt    string `json:"idle_at,omitempty"` // when the session ends unless its person does something, in RFC 3339; "": not soon

	Crowd  *crowd   `json:"crowd,omitempty"`  // who is at the shell; replaced, never changed
	Others *[]other `json:"others,omitempty"` // whose shells may be watched; the same
}

// cursor is how far a viewer has read. Lines and output count from the session's start.
type cursor struct {
	Lines   int64 `json:"lines"`
	Output  int64 `json:"output"`
	version int

	noLines  bool // are looked at by another cursor, or not at all
	noOutput bool
}

// batch is what came after a cursor.
type batch struct {
	lines   []shownLine
	skipped int64
	frame   []byte // output behind its offset, as the page is sent it; nil: none
	status  *status
	next    cursor
}

func (b batch) empty() bool {
	return len(b.lines) == 0 && len(b.frame) == 0 && b.status == nil
}

// feed is what viewers read from, each at its own pace. Writers never wait.
type feed struct {
	mu        sync.Mutex // guards all below
	changed   chan struct{}
	lines     []shownLine
	lineBytes int
	firstLine int64
	output    ring
	divided   int64     // no frame reaches over this offset
	seen      int64     // output, when it was last looked whether there is more
	seenAt    time.Time // when more was found
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
	f.output.add(p)
	f.wake()
}

// now is the status as it is.
func (f *feed) now() status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// rest lets go of most of a flood's output when there has been none since for a while.
func (f *feed) rest(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen != f.output.next {
		f.seen, f.seenAt = f.output.next, now
	} else if now.Sub(f.seenAt) >= idleOutput {
		f.output.shrink()
	}
}

// written is how much output there has been since the session's start.
func (f *feed) written() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.output.next
}

// divide ends a frame at what has been written, which it returns.
func (f *feed) divide() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.divided = f.output.next
	return f.divided
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
// Who has some lines is told how many it has missed since. Output begins at its newest for who has none.
func (f *feed) resume(c cursor) cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.Lines <= 0 || c.Lines > f.firstLine+int64(len(f.lines)) {
		c.Lines = f.firstLine
	}
	if c.Output < f.output.first() || c.Output > f.output.next {
		c.Output = f.output.start()
	}
	return cursor{Lines: c.Lines, Output: c.Output}
}

// after returns what comes next, and a channel that is closed when there is more than that.
func (f *feed) after(c cursor) (batch, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := batch{next: c}
	if !c.noLines {
		f.takeLines(&b)
	}
	if !c.noOutput {
		f.takeOutput(&b)
	}
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

// aside is the cursor of a viewer that looks at another's output meanwhile. Afterwards it begins with the newest.
func (c cursor) aside(is bool) cursor {
	if c.noOutput && !is {
		c.Output = -1
	}
	c.noOutput = is
	return c
}

// takeOutput goes on with the newest for a viewer that was overtaken. The offset tells its page.
func (f *feed) takeOutput(b *batch) {
	if b.next.Output < f.output.first() {
		b.next.Output = f.output.start()
	}
	most := batchOutput
	if until := f.divided - b.next.Output; until > 0 {
		most = int(min(until, batchOutput))
	}
	p := f.output.from(b.next.Output, most)
	if len(p) == 0 {
		return
	}
	b.frame = binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(p)), uint64(b.next.Output))
	b.frame = append(b.frame, p...)
	b.next.Output += int64(len(p))
}
