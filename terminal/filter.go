package terminal

import (
	"net/http"
	"regexp"
	"regexp/syntax"
)

// maxFilter is how long a filter may be, in bytes. A regular expression of RE2 takes time in proportion to the line.
const (
	maxFilter  = 200
	maxProgram = 2000 // steps that a line is held against, at each of its bytes
)

// filter says which lines somebody wants to see. The zero filter takes all.
type filter struct {
	expr *regexp.Regexp
	not  bool

	begins []byte // with what a line of the task begins that is asked for; empty: lines of all
}

// lineFilter reads a page's filter: match is a regular expression that takes capitals for small letters, not wants lines without it, task those of one task of a service.
func lineFilter(r *http.Request) (filter, error) {
	q := r.URL.Query()
	match := q.Get("match")
	if match == "" {
		return filter{}.ofTask(r)
	}
	if len(match) > maxFilter {
		return filter{}, errFilter
	}
	expr, err := regexp.Compile("(?i)" + match)
	if err != nil || !small("(?i)"+match) {
		return filter{}, errFilter
	}
	return filter{expr: expr, not: q.Get("not") == "1"}.ofTask(r)
}

// small says whether a filter costs little for each byte of a line: a count such as {1000} makes a short one large.
func small(expr string) bool {
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return false
	}
	prog, err := syntax.Compile(parsed.Simplify())
	return err == nil && len(prog.Inst) <= maxProgram
}

// escapes are what pages don't show of a line: colours, and other orders to a terminal.
var escapes = regexp.MustCompile("\x1b\\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|\x1b[ -/]*[0-~]?")

func (f filter) matches(line []byte) bool {
	if !f.begun(line) {
		return false
	}
	if f.expr == nil {
		return true
	}
	for _, b := range line {
		if b == 0x1b {
			line = escapes.ReplaceAll(line, nil)
			break
		}
	}
	return f.expr.Match(line) != f.not
}
