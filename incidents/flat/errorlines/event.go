package errorlines

import "bytes"

// looseLines is how many lines without a level may stand between one with a level and the stack trace that belongs to it.
const looseLines = 3

// event is what a stream is telling: one line, or several that belong together.
type event struct {
	level  level // of its first line
	loose  int   // how many lines were there that neither have a level nor belong to a stack trace
	frames bool  // a stack trace has begun
	python bool  // which is one of Python's, that ends with the exception
	panics bool  // which is one of Go's, with lines that are not indented
	fatal  bool  // the last line was one of those with which Rails tells of an exception
}

// begins says whether the line is the first one of an error. It follows stack traces.
func (e *event) begins(line []byte, f facts) bool {
	if f.level != unknown || f.status != 0 {
		return e.header(f)
	}
	switch {
	case len(line) == 0:
		return false
	case line[0] == ' ' || line[0] == '\t':
		e.frames = e.frames || e.level >= warning
		return false
	}
	switch f.kind {
	case goesOn:
		e.frames = e.frames || e.level >= warning
		return false
	case follows:
		*e = event{level: failing}
		return false
	case isTraceback:
		return e.trace(event{level: failing, frames: true, python: true})
	case isPanic:
		return e.trace(event{level: failing, frames: true, panics: true})
	case isException:
		return e.exception()
	}
	return e.other(line)
}

// header begins another event. Rails tells of an exception in several lines, after the request's.
func (e *event) header(f facts) bool {
	again := f.fatal && e.fatal
	*e = event{level: f.level, fatal: f.fatal || f.status >= 500 && f.level == calm}
	if f.status >= 500 {
		e.level = failing
	}
	return f.isError() && !again
}

// trace is the first line of one. It belongs to what a line with a level has just said, or is an error of its own.
func (e *event) trace(t event) bool {
	if e.level >= warning && !e.frames {
		e.frames, e.python, e.panics = true, t.python, t.panics
		return false
	}
	*e = t
	return true
}

// exception is a line such as "java.lang.IllegalStateException: boom", which is where a trace begins, and where Python's end.
func (e *event) exception() bool {
	if e.python {
		*e = event{}
		return false
	}
	return e.trace(event{level: failing, frames: false})
}

// other is a line that says nothing by itself. After a stack trace it ends the event.
func (e *event) other(line []byte) bool {
	if e.panics && bytes.HasSuffix(line, []byte(")")) {
		return false // a function's name
	}
	e.loose++
	if e.frames || e.loose > looseLines {
		*e = event{}
	}
	return false
}
