package mask

import (
	"regexp"
	"strings"
)

// span is where a value stands in a text, without its quotes unless it goes on behind them.
type span struct {
	from, to int
	quotes   string // what has to stand around Hidden: a list's own are hidden with its values
	bare     bool
}

// valueAt finds the value that begins at from. Begun is where that which names it does.
func valueAt(text string, begun, from int) (v span, found bool) {
	rest, lead := text[from:], text[begun:from]
	found = true
	if q := quoteAt(rest); q != "" {
		v = quotedValue(rest, q)
		found = !strings.HasSuffix(text[:begun], q) || quote.MatchString(lead) // in "PASSWORD=" it ends what holds the name
	} else if end := listEnd(rest); end > 0 {
		v = span{from: 1, to: end, quotes: quote.FindString(rest[:end])}
		found = v.quotes != "" // numbers are no secrets
	} else if end := closing(rest, holding(text[:begun], lead)); end > 0 {
		v = span{to: end}
	} else {
		v = span{to: bareEnd(rest), bare: true}
	}
	v.from, v.to = v.from+from, v.to+from
	return v, found && v.from < v.to
}

var (
	quote    = regexp.MustCompile(`\\*["']`)
	endsWith = regexp.MustCompile(`\\*["']$`)
	user     = regexp.MustCompile(`(\\*["'])[^\s:"',\\]+:$`)
)

// quoteAt is the quote with which a text begins, "" when there is none. It may stand within other quotes: each level puts
// backslashes before it.
func quoteAt(text string) string {
	at := 0
	for at < len(text) && text[at] == '\\' {
		at++
	}
	if at == len(text) || text[at] != '"' && text[at] != '\'' {
		return ""
	}
	return text[:at+1]
}

// holding is the quote that holds both lead and value, as in "--password=two words" and -u "user:two words".
func holding(before, lead string) string {
	if m := user.FindStringSubmatch(lead); m != nil {
		return m[1]
	}
	if lead[0] == '-' && lead[len(lead)-1] == '=' {
		return endsWith.FindString(before[max(0, len(before)-8):])
	}
	return ""
}

// quotedValue ends with its line when its quote is not closed: a line that was cut off hides as much.
func quotedValue(text, q string) span {
	end := closing(text[len(q):], q)
	if end < 0 {
		return span{from: len(q), to: len(q) + lineEnd(text[len(q):])}
	}
	v := span{from: len(q), to: len(q) + end}
	if after := v.to + len(q); goesOn(text[after:]) { // "a"b is one word to a shell
		return span{to: after + bareEnd(text[after:]), bare: true}
	}
	return v
}

func lineEnd(text string) int {
	line, _, _ := strings.Cut(text, "\n")
	return len(line)
}

// closing is where a text ends that q has begun; -1 when its line ends first. A quote with other backslashes is part of
// the text: q has 2ⁿ-1 when it is within n others, and each backslash that stands for itself doubles.
func closing(text, q string) int {
	if q == "" {
		return -1
	}
	own, slashes := len(q)-1, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\\':
			slashes++
			continue
		case c == q[own] && slashes >= own && (slashes-own)%(2*own+2) == 0:
			return i - own
		case c == '\n':
			return -1
		}
		slashes = 0
	}
	return -1
}

// listEnd is where the list with which a text begins has its closing bracket; 0 when it begins with none.
func listEnd(text string) int {
	if !strings.HasPrefix(text, "[") || strings.HasPrefix(text, Hidden) {
		return 0
	}
	end := lineEnd(text)
	for i := 1; i < end; i++ {
		if text[i] == ']' {
			return i
		}
		if q := quoteAt(text[i:]); q != "" {
			i += max(len(q)+closing(text[i+len(q):], q)+len(q), len(q)) - 1
		}
	}
	return end
}

// bareEnd is where a value without quotes ends. What closes something is part of it when a word goes on behind.
func bareEnd(text string) int {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '[' && strings.HasPrefix(text[i:], Hidden):
			i += len(Hidden) - 1
		case c <= ' ', c == ';', c == '&':
			return i
		case strings.IndexByte(`,"')}]`, c) >= 0:
			if !goesOn(text[i+1:]) || c == ',' && assignment.MatchString(text[i+1:]) || strings.HasSuffix(text[:i], Hidden) {
				return i
			}
		case c == '\\' && quoteAt(text[i:]) != "":
			return i
		}
	}
	return len(text)
}

// assignment is what follows a comma that separates.
var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*=`)

func goesOn(text string) bool { return text != "" && kind(text[0]) != 0 }
