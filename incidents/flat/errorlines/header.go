package errorlines

import "bytes"

// Where a level may stand: a header is not longer than this, in bytes and in words.
const (
	headerLength = 200
	headerWords  = 12
)

// header walks over what stands before a message: times, names, threads in brackets, and the level.
type header struct {
	line  []byte // cut off at headerLength
	at    int
	timed bool // a word with a digit was there, such as a time
	words int  // that may as well be a message's
}

// readHeader finds the level in front of a message. Rest is JSON that the header stands before; nil: there is none.
func readHeader(line []byte) (f facts, rest []byte) {
	if l := shortLevel(line); l != unknown {
		return facts{level: l, status: railsStatus(line), fatal: line[0] == 'F' && line[1] == ','}, nil
	}
	h := header{line: line[:min(len(line), headerLength)]}
	for range headerWords {
		h.skip()
		if h.at >= len(h.line) {
			return facts{}, nil
		}
		l, more := h.word()
		if l != unknown || !more {
			return facts{level: l}, jsonFrom(line, h.at)
		}
	}
	return facts{}, nil
}

func jsonFrom(line []byte, at int) []byte {
	if at < len(line) && line[at] == '{' {
		return line[at:]
	}
	return nil
}

// skip goes past what separates words.
func (h *header) skip() {
	for h.at < len(h.line) {
		switch h.line[h.at] {
		case ' ', '\t', '|', ']', ')', '>', ',':
			h.at++
		default:
			return
		}
	}
}

// word reads the next word or group. More says that the header may go on.
func (h *header) word() (l level, more bool) {
	switch c := h.line[h.at]; {
	case c == '[' || c == '(' || c == '<':
		return h.group(c)
	case c == '"' || c == '{' || c == '\'':
		return unknown, false
	case letter(c):
		return h.named()
	default:
		h.timed = h.timed || digit(c)
		h.toEnd()
		return unknown, true
	}
}

// toEnd goes to the end of a word.
func (h *header) toEnd() {
	for h.at < len(h.line) {
		switch h.line[h.at] {
		case ' ', '\t', '|', '[', '"', '{':
			return
		}
		h.at++
	}
}

// group reads what is in brackets: a level, a time with one, or anything else.
func (h *header) group(open byte) (level, bool) {
	end := bytes.IndexByte(h.line[h.at:], closer(open))
	if end < 0 {
		return unknown, false
	}
	inside := h.line[h.at+1 : h.at+end]
	h.at += end + 1
	h.timed = h.timed || len(inside) > 0 && digit(inside[0])
	switch open {
	case '<':
		return priority(inside), true
	case '[':
		return levelIn(inside), true
	}
	return unknown, true
}

func closer(open byte) byte {
	switch open {
	case '[':
		return ']'
	case '<':
		return '>'
	}
	return ')'
}

// priority is syslog's and systemd's <11>: the last three bits are the severity. Some write a level there.
func priority(b []byte) level {
	n, digits := number(b)
	if digits == 0 || digits != len(b) || n > 191 {
		return levelIn(b)
	}
	return levelOfNumber(n & 7)
}

// levelIn finds a level in brackets. It stands alone, at the end after a colon, or is written in capitals.
func levelIn(b []byte) level {
	if len(b) > 2 && b[1] == ' ' && digit(b[2]) {
		return levelOfLetter(b[0]) // Tornado's [E 261128 03:42:00 web:1788]
	}
	if alone := bytes.TrimSpace(b[bytes.LastIndexByte(b, ':')+1:]); letters(alone) == len(alone) {
		if l := levelOf(alone); l != unknown {
			return l
		}
	}
	for i := 0; i < len(b); {
		n := letters(b[i:])
		if n == 0 {
			i++
			continue
		}
		if upper(b[i]) && upper(b[i+n-1]) && apart(b, i, i+n) {
			if l := levelOf(b[i : i+n]); l != unknown {
				return l
			}
		}
		i += n
	}
	return unknown
}

// apart says that nothing joins a word to the ones beside it.
func apart(b []byte, begin, end int) bool {
	joint := func(c byte) bool { return c == '-' || c == '_' || c == '.' || digit(c) }
	return (begin == 0 || !joint(b[begin-1])) && (end == len(b) || !joint(b[end]))
}

// named reads a word that begins with a letter: a level, a name, or the message's first word.
func (h *header) named() (level, bool) {
	begin := h.at
	end := begin + letters(h.line[begin:])
	h.toEnd()
	word, whole := h.line[begin:end], h.line[begin:h.at]
	if l := levelOf(word); l != unknown && h.marked(begin, end) {
		return l, false
	}
	switch rest := h.line[begin:]; {
	case bytes.HasPrefix(rest, []byte("http: panic serving ")): // Go's server
		return failing, false
	case bytes.HasPrefix(rest, []byte("PHP ")):
		return shortLevel(rest), false
	}
	if at := bytes.LastIndexByte(whole, '.'); at > 0 && bytes.HasSuffix(whole, []byte(":")) { // Laravel's production.ERROR:
		if l := levelOf(whole[at+1 : len(whole)-1]); l != unknown && upper(whole[len(whole)-2]) {
			return l, false
		}
	}
	if bytes.IndexByte(whole, '=') >= 0 {
		return unknown, false // pairs have begun
	}
	return unknown, h.mayPass(whole)
}

// marked says that a word that may be a level is meant as one: in capitals, before a colon, or between bars, dashes or tabs.
func (h *header) marked(begin, end int) bool {
	next := byte(' ')
	if end < len(h.line) {
		next = h.line[end]
	}
	if upper(h.line[begin]) && upper(h.line[end-1]) {
		return next != '=' && next != '_' && next != '.' && next != '-'
	}
	after := h.line[end:]
	switch {
	case next == ':':
		return len(after) == 1 || after[1] == ' ' || after[1] == '\t'
	case next == '|', next == '\t' && begin > 0:
		return true
	case begin > 1 && h.line[begin-2] == '|' && bytes.HasPrefix(after, []byte(" |")):
		return true
	}
	return begin > 1 && h.line[begin-2] == '-' && bytes.HasPrefix(after, []byte(" - "))
}

// mayPass says whether the level may still come after a word: it is no plain one, or is followed by a dash, or is the only one after
// a time, such as a host's or a logger's name.
func (h *header) mayPass(whole []byte) bool {
	n := letters(whole)
	if n < len(whole) || h.at < len(h.line) && h.line[h.at] == '[' || n <= 4 && upper(whole[n-1]) || n == 3 && upper(whole[0]) { // app:, com.shop.Cart; sshd[1]; UTC, AM; Nov
		return true
	}
	if bytes.HasPrefix(h.line[h.at:], []byte(" - ")) {
		return true
	}
	h.words++
	return h.timed && h.words == 1 && !upper(whole[0])
}

// shortLevel knows the levels of one letter, and the names that .NET has for levels, which are the beginning of the line.
func shortLevel(line []byte) level {
	switch {
	case len(line) < 6:
	case upper(line[0]) && digit(line[1]) && digit(line[4]) && line[5] == ' ' && len(line) > 14 && line[8] == ':': // klog's E1128 03:42:00
		return levelOfLetter(line[0])
	case upper(line[0]) && line[1] == ',' && line[2] == ' ' && line[3] == '[': // Ruby's E, [2026-11-28T03:42:00.123456 #1]
		return levelOfLetter(line[0])
	case line[4] == ':' && line[5] == ' ':
		switch string(line[:4]) {
		case "fail", "crit":
			return failing
		case "warn":
			return warning
		case "info", "dbug", "trce":
			return calm
		}
	case bytes.HasPrefix(line, []byte("PHP Fatal error:")), bytes.HasPrefix(line, []byte("PHP Parse error:")),
		bytes.HasPrefix(line, []byte("Internal Server Error: /")): // Django's django.request
		return failing
	}
	return unknown
}

// railsStatus finds "Completed 500 Internal Server Error" in a line of Ruby's logger.
func railsStatus(line []byte) int {
	if line[0] != 'I' || line[1] != ',' {
		return 0
	}
	_, rest, _ := bytes.Cut(line, []byte(" Completed "))
	return status(rest)
}
