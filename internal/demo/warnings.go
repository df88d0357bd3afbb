package demo

import (
	"bytes"
	"io"
)

// warnings passes on what a person should see of the program's log: every line but those of level INFO and DEBUG.
type warnings struct {
	to   io.Writer
	line []byte // the beginning of a line whose end has not come yet
}

func (w *warnings) Write(p []byte) (int, error) {
	w.line = append(w.line, p...)
	for {
		line, rest, whole := bytes.Cut(w.line, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		w.line = rest
		if bytes.Contains(line, []byte(" level=INFO ")) || bytes.Contains(line, []byte(" level=DEBUG ")) {
			continue
		}
		if _, err := w.to.Write(append(line, '\n')); err != nil {
			return 0, err
		}
	}
}
