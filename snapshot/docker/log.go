package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/snapshot"
)

// ReadLog hands the lines of a container's log to take, as they are: a secret in them is not masked. It never attaches, so a
// reader that stalls holds nobody up. It returns when the log is over, when take returns an error, which it passes on, or when ctx
// ends. Started is since when the container has been running, zero when it is not known.
//
// It returns ErrLogUnreadable, and ErrGone and ErrNotEnabled as they are for all that reads a container.
func (e *Engine) ReadLog(ctx context.Context, id string, ask snapshot.LogAsk, take func(snapshot.RawLine) error) (started time.Time, err error) {
	d, err := e.logged(ctx, id, ask.Follow)
	if err != nil {
		return time.Time{}, err
	}
	if ask.Follow {
		defer e.following(d)()
	}
	ahead := e.ahead(ctx)
	if started = instant(d.State.StartedAt); !started.IsZero() {
		started = started.Add(-ahead)
	}
	body, err := e.cli.ContainerLogs(ctx, id, readOptions(ask, ahead))
	if err != nil {
		return started, fmt.Errorf("reading the log of %s: %w", d.Name, unreadable(d, err))
	}
	defer func() { _ = body.Close() }()
	r := &logReader{ahead: ahead, take: take}
	err = r.read(body, d.Config.Tty)
	switch {
	case r.refused:
		return started, err
	case ctx.Err() != nil:
		return started, context.Cause(ctx)
	case err != nil:
		return started, fmt.Errorf("reading the log of %s: %w", d.Name, unreadable(d, err))
	}
	return started, nil
}

// logged is allowed for reading a log. A question about a log that is being followed needs no second look: neither the label nor
// how the log is written changes in a container's life, and hundreds of logs are asked about all the time. Since when it has been
// running is not known then.
func (e *Engine) logged(ctx context.Context, id string, anew bool) (document, error) {
	e.mu.Lock()
	d, known := e.followed[id]
	e.mu.Unlock()
	if known && !anew {
		return d, nil
	}
	return e.allowed(ctx, id)
}

// following remembers a container while its log is followed. What it returns forgets it.
func (e *Engine) following(d document) (end func()) {
	known := document{ID: d.ID, Name: d.Name}
	known.Config.Tty, known.HostConfig.LogConfig = d.Config.Tty, d.HostConfig.LogConfig
	e.mu.Lock()
	defer e.mu.Unlock()
	e.followed[d.ID] = known
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.followed, d.ID)
	}
}

func readOptions(ask snapshot.LogAsk, ahead time.Duration) container.LogsOptions {
	o := container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: ask.Follow, Tail: strconv.Itoa(ask.Last)}
	if !ask.Since.IsZero() {
		o.Since = stamp(ask.Since.Add(ahead))
	}
	return o
}

// unreadable tells a driver that can't be read from other trouble: some engines answer so, others write it into the log. A container
// that is being removed has gone, as far as its log is concerned.
func unreadable(d document, err error) error {
	if cerrdefs.IsNotImplemented(err) || strings.Contains(err.Error(), "does not support reading") {
		return fmt.Errorf("%w: the log driver %s does not keep it where the engine can read it", snapshot.ErrLogUnreadable, d.HostConfig.LogConfig.Type)
	}
	if strings.Contains(err.Error(), "dead or marked for removal") {
		return fmt.Errorf("%w: %w", snapshot.ErrGone, err)
	}
	return d.known(err, snapshot.ErrGone)
}

// frameBuffer takes a frame of the engine's whole: 16 KiB of a line, and its time.
const frameBuffer = 17 << 10

// logReader takes a log apart without copying it.
type logReader struct {
	in      *bufio.Reader
	ahead   time.Duration // how far the engine's clock is ahead of this one's
	take    func(snapshot.RawLine) error
	refused bool    // by take
	open    [2]bool // a line of the stream has begun that goes on in the next frame
	clock   logClock

	tasks map[string]*taskLog // of a service, by their IDs; nil: it is a container's log
}

// read reads all of it.
func (r *logReader) read(from io.Reader, tty bool) error {
	r.in = bufio.NewReaderSize(from, frameBuffer)
	if tty {
		return r.terminal()
	}
	return r.frames()
}

// frames reads a log of two streams: of each frame, a byte says which one it is of, and four say how long it is.
func (r *logReader) frames() error {
	for {
		head, err := r.in.Peek(8)
		if errors.Is(err, io.EOF) && len(head) == 0 {
			return nil
		}
		if err != nil {
			return broken(err)
		}
		stream, size := head[0], int(binary.BigEndian.Uint32(head[4:]))
		_, _ = r.in.Discard(8)
		if err := r.frame(stream, size); err != nil {
			return err
		}
	}
}

func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *logReader) frame(stream byte, size int) error {
	if size == 0 {
		return nil
	}
	text, err := r.in.Peek(min(size, frameBuffer))
	if err != nil {
		return broken(err)
	}
	if stream > 2 { // the engine's own word, instead of a line
		return errors.New(string(text))
	}
	open, err := r.line(stream == 2, text)
	if err != nil {
		return err
	}
	if _, err = r.in.Discard(size - 1); err == nil {
		var last byte
		last, err = r.in.ReadByte()
		*open = last != '\n'
	}
	return broken(err)
}

// line hands over a line, or the beginning of a long one, and leaves out what else comes of that. Open is where it is kept whether the
// line goes on.
func (r *logReader) line(stderr bool, text []byte) (open *bool, err error) {
	stream, of := 0, taskLog{}
	if stderr {
		stream = 1
	}
	open = &r.open[stream]
	if r.tasks == nil && *open {
		return open, nil
	}
	at, rest := r.clock.read(text)
	if r.tasks != nil {
		var task *taskLog
		if task, rest = r.task(rest); task == nil {
			return open, errors.New(string(text)) // the manager's own word, instead of a line
		}
		if of, open = *task, &task.open[stream]; *open {
			return open, nil
		}
	}
	if !at.IsZero() {
		at = at.Add(-r.ahead)
	}
	err = r.take(snapshot.RawLine{At: at, Stderr: stderr, Text: bytes.TrimRight(rest, "\r\n"), Task: of.id})
	r.refused = err != nil
	return open, err
}

// terminal reads the log of a container with a TTY, which has one stream and no frames.
func (r *logReader) terminal() error {
	open := &r.open[0]
	for {
		text, err := r.in.ReadSlice('\n')
		if len(text) > 0 {
			if !*open {
				var refused error
				if open, refused = r.line(false, text); refused != nil {
					return refused
				}
			}
			*open = text[len(text)-1] != '\n'
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// logClock reads the times that the engine puts before lines. Most are of the same minute as the one before.
type logClock struct {
	minute [17]byte // such as 2026-11-28T03:42:
	begins time.Time
}

// read takes the time off the front. A line without one has the zero time.
func (c *logClock) read(text []byte) (time.Time, []byte) {
	const length = len("2026-11-28T03:42:00.123456789Z ")
	if len(text) < length || text[length-1] != ' ' || text[length-2] != 'Z' {
		return stamped(text)
	}
	if string(text[:17]) != string(c.minute[:]) {
		at, rest := stamped(text)
		if !at.IsZero() {
			copy(c.minute[:], text)
			c.begins = at.Truncate(time.Minute)
		}
		return at, rest
	}
	seconds, ok := decimals(text[17:19])
	nanos, okToo := decimals(text[20:29])
	if !ok || !okToo || text[19] != '.' {
		return stamped(text)
	}
	return c.begins.Add(time.Duration(seconds)*time.Second + time.Duration(nanos)), text[length:]
}

func decimals(text []byte) (n int, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
