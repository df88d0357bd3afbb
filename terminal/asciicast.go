package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// recorder writes a shell's output as asciicast v2: a JSON header, then one JSON event a line
// (https://docs.asciinema.org/manual/asciicast/v2/). It is used by one goroutine.
type recorder struct {
	store RecordingStore
	id    string
	start time.Time
	now   func() time.Time
	seq   int
	left  int64  // bytes that it may still hold
	full  bool   // it has said that it ends here
	tail  []byte // the beginning of a rune whose end has not come yet
}

// begin stores the recording and its header.
func (r *recorder) begin(ctx context.Context, rec Recording, cols, rows int) error {
	if err := r.store.BeginRecording(ctx, rec); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	return r.append(ctx, map[string]any{
		"version": 2, "width": cols, "height": rows, "timestamp": r.start.Unix(),
		"title": "Shell in " + rec.Container, "env": map[string]string{"TERM": "xterm-256color"},
	}, lastWords)
}

// lastWords is what is kept free for the recording to say that it ends.
const lastWords = 1 << 10

// write stores output before anybody is shown it. errFull, once, when there is no more room for it: the recording has said
// so then, and what comes later is not in it.
func (r *recorder) write(ctx context.Context, p []byte) error {
	if r.full {
		return nil
	}
	buf := append(r.tail, p...)
	n := wholeRunes(buf)
	r.tail = append([]byte(nil), buf[n:]...)
	if n == 0 {
		return nil
	}
	return r.event(ctx, "o", strings.ToValidUTF8(string(buf[:n]), "\uFFFD"))
}

// errFull says that a recording has reached its limit.
var errFull = errors.New("the recording has reached its limit")

func (r *recorder) event(ctx context.Context, code, data string) error {
	line := []any{r.now().Sub(r.start).Seconds(), code, data}
	err := r.append(ctx, line, lastWords)
	if !errors.Is(err, errFull) {
		return err
	}
	r.full = true
	const why = "The recording ends here, at its largest size. The shell went on."
	at := line[0]
	return errors.Join(errFull, r.append(ctx, []any{at, "m", why}, 0), r.append(ctx, []any{at, "o", "\r\n\x1b[0;7m" + why + "\x1b[0m\r\n"}, 0))
}

// append stores a line, unless that would leave less than reserve.
func (r *recorder) append(ctx context.Context, line any, reserve int64) error {
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	if r.left-int64(len(b))-1 < reserve {
		return errFull
	}
	if err := r.store.AppendRecording(ctx, r.id, r.seq, append(b, '\n')); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	r.left -= int64(len(b)) + 1
	r.seq++
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
