package docker

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/docker/docker/pkg/stdcopy"

	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/terminal"
)

const (
	maxLine      = 64 << 10 // of a line that does not end, its beginning is shown then
	engineBuffer = 16 << 10 // a longer line reaches the engine's log in parts
)

// logMask masks log lines on their way to whoever looks: who may see a log need not be who may see the environment.
type logMask struct {
	secrets []string
	hold    int // how much of a line that goes on is held back: it may be the beginning of a secret
	emit    func(terminal.LogLine) error
}

func newLogMask(env []string, emit func(terminal.LogLine) error) *logMask {
	v := &logMask{secrets: mask.Secrets(env), hold: 1 << 10, emit: emit}
	for _, s := range v.secrets {
		v.hold = min(max(v.hold, 3*len(s)), maxLine/2) // in a URL, each byte may be three
	}
	return v
}

// whole shows a line.
func (v *logMask) whole(l terminal.LogLine) error {
	l.Text = []byte(mask.Text(string(l.Text), v.secrets))
	return v.emit(l)
}

// part shows the beginning of a line that goes on, and returns what it held back, masked as far as it can be yet.
func (v *logMask) part(l terminal.LogLine) (rest []byte, err error) {
	text := []byte(mask.Text(string(l.Text), v.secrets))
	cut := max(0, len(text)-v.hold)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	if cut == 0 {
		return text, nil
	}
	l.Text = text[:cut]
	return bytes.Clone(text[cut:]), v.emit(l)
}

// readLines reads a log to its end.
func readLines(from io.Reader, tty bool, v *logMask) error {
	out, errs := &lines{masked: v, plain: tty}, &lines{masked: v, line: terminal.LogLine{Stderr: true}}
	var err error
	if tty {
		err = out.readPlain(from)
	} else {
		_, err = stdcopy.StdCopy(out, errs, from)
	}
	if err != nil {
		return err
	}
	return errors.Join(out.end(), errs.end())
}

// lines makes lines of the parts of one stream.
type lines struct {
	masked  *logMask
	plain   bool             // there are no frames
	details bool             // of the task are behind each time
	line    terminal.LogLine // as much of it as was not shown yet
	open    bool             // a line has begun that has not ended
	cut     bool             // and its beginning was shown
}

// Write takes a frame. The engine sends one for each message, with its time in front; a message that does not end in a line
// break is the beginning of a line longer than the log driver's buffer.
func (l *lines) Write(p []byte) (int, error) {
	at, text := stamped(p)
	return len(p), l.add(at, text)
}

func (l *lines) add(at time.Time, text []byte) error {
	if !l.open {
		l.line.At, l.line.Text, l.line.Parts, l.open, l.cut = at, nil, 0, true, false
	}
	l.line.Parts++
	l.line.Text = append(l.line.Text, bytes.TrimRight(text, "\r\n")...)
	if l.plain && (l.cut || len(l.line.Text) > engineBuffer) {
		l.line.Text = restamped.ReplaceAll(l.line.Text, nil)
	}
	if bytes.HasSuffix(text, []byte("\n")) {
		return l.end()
	}
	if len(l.line.Text) < maxLine {
		return nil
	}
	var err error
	l.line.Text, err = l.masked.part(l.line)
	l.line.Parts, l.cut = 0, true
	return err
}

// end shows the line that has begun.
func (l *lines) end() error {
	if !l.open {
		return nil
	}
	l.open = false
	return l.masked.whole(l.line)
}

// restamped is the time that the engine puts before each part of a long line, and so, without frames, in the middle of it:
// a secret there would not be one for its look.
var restamped = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) (?:com\.docker\.swarm\.node\.id=\S+ )?`)

// readPlain reads the log of a container with a TTY, which has no frames.
func (l *lines) readPlain(from io.Reader) error {
	in := bufio.NewReaderSize(from, maxLine)
	for {
		p, err := in.ReadSlice('\n')
		at, text := time.Time{}, p
		if !l.open {
			at, text = stamped(p)
			if l.details {
				var id []byte
				id, text, _ = cutTask(text)
				l.line.Task = string(id)
			}
		}
		if len(p) > 0 {
			if err := l.add(at, text); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			return err
		}
	}
}

// stamped takes the time off the front.
func stamped(p []byte) (time.Time, []byte) {
	stamp, rest, found := bytes.Cut(p, []byte(" "))
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if !found || err != nil {
		return time.Time{}, p
	}
	return at.UTC(), rest
}
