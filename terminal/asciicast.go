package terminal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/snapback/snapback/internal/asciicast"
)

// recorder writes a shell's output as asciicast v3, as it comes. It is used by what shows the output and by what sets the size.
type recorder struct {
	store RecordingStore
	id    string
	start time.Time
	now   func() time.Time

	paying sync.Mutex // held by whoever stores what is owed; taken before mu

	mu    sync.Mutex // guards all below; never held while something is stored
	clock asciicast.Clock
	seq   int
	owed  [][]byte // lines that come next, from seq on: their store has failed, and the first may be there all the same
	left  int64    // bytes that it may still hold
	full  bool     // it has said that it ends here
	tail  []byte   // the beginning of a rune whose end has not come yet
}

// begin stores the recording and its header.
func (r *recorder) begin(ctx context.Context, rec Recording, cols, rows int) error {
	if err := r.store.BeginRecording(ctx, rec); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	line, err := asciicast.Begin(asciicast.Header{
		Term: asciicast.Term{Cols: cols, Rows: rows, Type: "xterm-256color"}, Timestamp: r.start.Unix(), Title: "Shell in " + rec.Container,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	r.mu.Lock()
	err = r.owe(line, lastWords)
	r.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	return r.settle(ctx)
}

// lastWords is what is kept free for the recording to say that it ends.
const lastWords = 1 << 10

// write takes output, which is stored by settle before anybody is shown it. It is full, once, when there is no more room: the recording
// says so then, and what comes later is not in it.
func (r *recorder) write(p []byte) (full bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return false, nil
	}
	buf := p
	if len(r.tail) > 0 {
		buf = append(r.tail, p...)
	}
	n := wholeRunes(buf)
	r.tail = append([]byte(nil), buf[n:]...)
	if n == 0 {
		return false, nil
	}
	text := strings.ToValidUTF8(string(buf[:n]), "\uFFFD")
	if r.left > longestEvent*int64(len(text)) {
		return r.output(text)
	}
	for text != "" && !full && err == nil { // near its end, so that what fits is in it
		part := text[:wholeRunes([]byte(text[:min(len(text), batchOutput)]))]
		full, err = r.output(part)
		text = text[len(part):]
	}
	return full, err
}

// longestEvent is how many bytes a byte of output takes at the most: a control character is written as \u001b.
const longestEvent = 7

// resize notes another size of the window; what is written from then on is meant for it.
func (r *recorder) resize(ctx context.Context, cols, rows int) error {
	return r.note(ctx, asciicast.Resize, asciicast.Size(cols, rows))
}

// exit notes with which status the shell ended. Nothing comes after that.
func (r *recorder) exit(ctx context.Context, code int) error {
	err := r.note(ctx, asciicast.Exit, strconv.Itoa(code))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = true
	return err
}

// note is not for output: one for which there is no room is left out without a word. After an error it is still owed: no output is shown
// before it is there.
func (r *recorder) note(ctx context.Context, code, data string) error {
	if err := r.event(code, data); err != nil {
		return err
	}
	return r.settle(ctx)
}

func (r *recorder) event(code, data string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return nil
	}
	before := r.clock
	err := r.line(r.now().Sub(r.start), code, data, lastWords)
	if errors.Is(err, errFull) {
		r.clock, err = before, nil
	}
	return err
}

// errFull says that a recording has reached its limit.
var errFull = errors.New("the recording has reached its limit")

// output is called with mu held.
func (r *recorder) output(text string) (full bool, err error) {
	before, at := r.clock, r.now().Sub(r.start)
	err = r.line(at, asciicast.Output, text, lastWords)
	if !errors.Is(err, errFull) {
		return false, err
	}
	r.full, r.clock = true, before
	const why = "The recording ends here, at its largest size. The shell went on."
	return true, errors.Join(r.line(at, asciicast.Marker, why, 0), r.line(at, asciicast.Output, "\r\n\x1b[0;7m"+why+"\x1b[0m\r\n", 0))
}

// line is called with mu held.
func (r *recorder) line(at time.Duration, code, data string, reserve int64) error {
	line, err := r.clock.Line(at, code, data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	return r.owe(line, reserve)
}

// owe puts a line behind those that are owed, unless that would leave less than reserve. It is called with mu held.
func (r *recorder) owe(line []byte, reserve int64) error {
	if r.left-int64(len(line)) < reserve {
		return errFull
	}
	r.left -= int64(len(line))
	r.owed = append(r.owed, line)
	return nil
}

// appendTime is how long a store may take for a line: one that hangs is asked anew.
const appendTime = 5 * time.Second

// settle stores what is owed, in its order. A line whose store has failed may be there: it is stored again, under its number and unchanged,
// which is no error then.
func (r *recorder) settle(ctx context.Context) error {
	r.paying.Lock()
	defer r.paying.Unlock()
	for seq, line := r.first(); line != nil; seq, line = r.first() {
		if err := r.append(ctx, seq, line); err != nil {
			return fmt.Errorf("%w: %w", ErrNotRecorded, err)
		}
		r.paid()
	}
	return nil
}

func (r *recorder) append(ctx context.Context, seq int, line []byte) error {
	ctx, cancel := context.WithTimeout(ctx, appendTime)
	defer cancel()
	return r.store.AppendRecording(ctx, r.id, seq, line)
}

// first is the first line that is owed, and its number; nil when none is.
func (r *recorder) first() (seq int, line []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.owed) > 0 {
		line = r.owed[0]
	}
	return r.seq, line
}

// paid forgets the first line that was owed.
func (r *recorder) paid() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owed = r.owed[1:]
	r.seq++
}

// wholeRunes returns how much of p does not end within a rune. Bytes that can't become one count as whole.
func wholeRunes(p []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(p); back++ {
		if i := len(p) - back; utf8.RuneStart(p[i]) {
			if utf8.FullRune(p[i:]) {
				return len(p)
			}
			return i
		}
	}
	return len(p)
}
