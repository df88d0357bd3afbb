package terminal

import (
	"context"
	"encoding/json"
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
	})
}

// write stores output before anybody is shown it.
func (r *recorder) write(ctx context.Context, p []byte) error {
	buf := append(r.tail, p...)
	n := wholeRunes(buf)
	r.tail = append([]byte(nil), buf[n:]...)
	if n == 0 {
		return nil
	}
	return r.event(ctx, "o", strings.ToValidUTF8(string(buf[:n]), "\uFFFD"))
}

func (r *recorder) event(ctx context.Context, code, data string) error {
	return r.append(ctx, []any{r.now().Sub(r.start).Seconds(), code, data})
}

func (r *recorder) append(ctx context.Context, line any) error {
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	if r.left -= int64(len(b)) + 1; r.left < 0 {
		return fmt.Errorf("%w: it has grown to its limit", ErrNotRecorded)
	}
	if err := r.store.AppendRecording(ctx, r.id, r.seq, append(b, '\n')); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
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
