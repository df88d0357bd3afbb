package errorlines

import (
	"bytes"
	"fmt"
	"regexp"
)

// Rules say what an error is. They may be shared by any number of Readers.
type Rules struct {
	pattern *regexp.Regexp // nil: by level, status and stack trace
}

// New takes a pattern in RE2's syntax in place of the rules for errors; "": the rules. What a request is does not change.
func New(pattern string) (*Rules, error) {
	if pattern == "" {
		return &Rules{}, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("a pattern for errors: %w", err)
	}
	return &Rules{re}, nil
}

// Reader reads one stream of a log, such as its standard error. It is for one goroutine.
type Reader struct {
	rules *Rules
	event event
	plain []byte // a line without the colours that it had
}

// Reader starts at the beginning of a stream, or after a gap.
func (r *Rules) Reader() *Reader { return &Reader{rules: r} }

// Line takes the next line, without its line break. It says whether the line is the first of an error, and whether it tells of a
// request. It keeps nothing of the line.
func (r *Reader) Line(line []byte) (isError, isRequest bool) {
	line = r.colourless(bytes.TrimRight(line, "\r\n"))
	f := read(line)
	isError = r.event.begins(line, f)
	if r.rules.pattern != nil {
		isError = r.rules.pattern.Match(line)
	}
	return isError, f.status != 0
}

// colourless takes out what programs colour terminals with.
func (r *Reader) colourless(line []byte) []byte {
	const escape = 0x1b
	at := bytes.IndexByte(line, escape)
	if at < 0 {
		return line
	}
	r.plain = append(r.plain[:0], line[:at]...)
	for i := at; i < len(line); i++ {
		if line[i] != escape {
			r.plain = append(r.plain, line[i])
			continue
		}
		if i+1 < len(line) && line[i+1] == '[' {
			i++
		}
		for i+1 < len(line) && !letter(line[i]) {
			i++
		}
	}
	return r.plain
}

// facts are what one line says by itself.
type facts struct {
	level  level
	status int  // of HTTP; 0: it tells of no request
	kind   kind // of a line without these
	fatal  bool // it is one of the several lines in which Rails tells of one exception
}

// isError is what the line would be if it stood alone.
func (f facts) isError() bool { return f.level == failing || f.status >= 500 }

// read finds level and status. What is indented goes on with the line before it.
func read(line []byte) facts {
	switch {
	case len(line) == 0, line[0] == ' ', line[0] == '\t':
		return facts{}
	case line[0] == '{':
		return readJSON(line)
	}
	if status := accessStatus(line); status != 0 {
		return facts{status: status}
	}
	if k := kindOf(line); k != plain {
		return facts{kind: k}
	}
	f, rest := readHeader(line)
	if len(rest) > 0 && rest[0] == '{' && f.level == unknown {
		return readJSON(rest)
	}
	return readPairs(line, f)
}
