package errorlines

import (
	"bytes"
	"hash/maphash"
	"time"
)

const (
	sameInstant = time.Second // how far apart the two lines may be that tell of one error
	remembered  = 64          // errors of which the other line may come
)

// Log reads both streams of a log. An error that is told twice at one instant counts once: by PHP in its log and on its output, by
// nginx in its error log and in its access log, and by whatever writes one line to both streams. It is for one goroutine.
type Log struct {
	rules   *Rules
	streams [2]*Reader
	seed    maphash.Seed
	errors  []told // the last ones, in no order
	next    int    // which of them is forgotten next
}

// told is an error whose other line has not come.
type told struct {
	what uint64 // hash of what both lines have
	how  telling
	at   time.Time
}

// telling is how a line tells of an error: one of two ways, or on one of two streams.
type telling uint8

const (
	onStdout telling = iota
	onStderr
	inPHPLog
	onPHPOutput
	inErrorLog
	inAccessLog
)

// others are how the other line tells of the same error.
var others = [...]telling{onStdout: onStderr, onStderr: onStdout, inPHPLog: onPHPOutput, onPHPOutput: inPHPLog, inErrorLog: inAccessLog, inAccessLog: inErrorLog}

// Log starts at the beginning of a log, or after a gap.
func (r *Rules) Log() *Log {
	return &Log{rules: r, streams: [2]*Reader{r.Reader(), r.Reader()}, seed: maphash.MakeSeed()}
}

// Line takes the next line of a stream, which was written at that moment, as Reader.Line does. What a pattern of one's own matches
// counts each time.
func (l *Log) Line(line []byte, stderr bool, at time.Time) (isError, isRequest bool) {
	stream, how := l.streams[0], onStdout
	if stderr {
		stream, how = l.streams[1], onStderr
	}
	isError, isRequest = stream.Line(line)
	if isError && l.rules.pattern == nil {
		isError = !l.again(line, how, at)
	}
	return isError, isRequest
}

// again says whether the other line of an error has come before. Each has one other line at most.
func (l *Log) again(line []byte, how telling, at time.Time) bool {
	what, how := errorOf(bytes.TrimSpace(line), how)
	this := told{maphash.Bytes(l.seed, what), how, at}
	for i, o := range l.errors {
		if o.what == this.what && o.how == others[how] && at.Sub(o.at).Abs() <= sameInstant {
			l.errors[i] = told{}
			return true
		}
	}
	if len(l.errors) < remembered {
		l.errors = append(l.errors, this)
		return false
	}
	l.errors[l.next], l.next = this, (l.next+1)%remembered
	return false
}

// errorOf is what both lines of an error have, and how this one tells of it.
func errorOf(line []byte, stream telling) ([]byte, telling) {
	for _, prefix := range [][]byte{[]byte("Fatal error:"), []byte("Parse error:")} {
		before, message, found := bytes.Cut(line, prefix)
		switch {
		case found && len(before) == 0:
			return bytes.TrimSpace(message), onPHPOutput
		case found && bytes.HasSuffix(before, []byte("PHP ")):
			return bytes.TrimSpace(message), inPHPLog
		}
	}
	if _, rest, found := bytes.Cut(line, []byte(`, request: "`)); found && bytes.Contains(line, []byte(", client: ")) {
		request, _, _ := bytes.Cut(rest, []byte(`"`))
		return request, inErrorLog
	}
	if at := bytes.IndexByte(line, '"'); at >= 0 && afterRequest(line, at) != 0 {
		o := object{text: line, at: at}
		return o.quoted(), inAccessLog
	}
	return line, stream
}
