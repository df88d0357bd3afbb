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

	mu    sync.Mutex // guards all below
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
	return r.append(ctx, line, lastWords)
}

// lastWords is what is kept free for the recording to say that it ends.
const lastWords = 1 << 10

// write stores output before anybody is shown it. errFull, once, when there is no more room for it: the recording has said
// so then, and what comes later is not in it.
func (r *recorder) write(ctx context.Context, p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return nil
	}
	buf := p
	if len(r.tail) > 0 {
		buf = append(r.tail, p...)
	}
	n := wholeRunes(buf)
	r.tail = append([]byte(nil), buf[n:]...)
	if n == 0 {
		return nil
	}
	text := strings.ToValidUTF8(string(buf[:n]), "\uFFFD")
	if r.left > longestEvent*int64(len(text)) {
		return r.event(ctx, asciicast.Output, text)
	}
	for text != "" { // near its end, so that what fits is in it
		part := text[:wholeRunes([]byte(text[:min(len(text), batchOutput)]))]
		if err := r.event(ctx, asciicast.Output, part); err != nil {
			return err
		}
		text = text[len(part):]
	}
	return nil
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

// settle stores what is owed.
func (r *recorder) settle(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pay(ctx)
}

// note is not for output: one for which there is no room is left out without a word. After an error it is still owed: no output is shown
// before it is there.
func (r *recorder) note(ctx context.Context, code, data string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return nil
	}
	before := r.clock
	err := r.line(ctx, r.now().Sub(r.start), code, data, lastWords)
	if errors.Is(err, errFull) {
		r.clock, err = before, nil
	}
	return err
}

// errFull says that a recording has reached its limit.
var errFull = errors.New("the recording has reached its limit")

// event is called with mu held.
func (r *recorder) event(ctx context.Context, code, data string) error {
	before, at := r.clock, r.now().Sub(r.start)
	err := r.line(ctx, at, code, data, lastWords)
	if !errors.Is(err, errFull) {
		return err
	}
	r.full, r.clock = true, before
	const why = "The recording ends here, at its largest size. The shell went on."
	return errors.Join(errFull, r.line(ctx, at, asciicast.Marker, why, 0), r.line(ctx, at, asciicast.Output, "\r\n\x1b[0;7m"+why+"\x1b[0m\r\n", 0))
}

func (r *recorder) line(ctx context.Context, at time.Duration, code, data string, reserve int64) error {
	line, err := r.clock.Line(at, code, data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	return r.append(ctx, line, reserve)
}

// append stores a line behind those that are owed, unless that would leave less than reserve.
func (r *recorder) append(ctx context.Context, line []byte, reserve int64) error {
	if r.left-int64(len(line)) < reserve {
		return errFull
	}
	r.left -= int64(len(line))
	r.owed = append(r.owed, line)
	return r.pay(ctx)
}

// pay stores what is owed, in its order. A line whose store has failed may be there: it is stored again, under its number and unchanged,
// which is no error then.
func (r *recorder) pay(ctx context.Context) error {
	for len(r.owed) > 0 {
		if err := r.store.AppendRecording(ctx, r.id, r.seq, r.owed[0]); err != nil {
			return fmt.Errorf("%w: %w", ErrNotRecorded, err)
		}
		r.owed = r.owed[1:]
		r.seq++
	}
	return nil
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
