package errorlines

import "bytes"

// deepest is how deep keys are looked at, as in http.response.status_code.
const deepest = 3

// within is in whose object a key stands.
type within uint8

const (
	elsewhere within = iota
	top
	inLog     // "log", as in {"log":{"level":"error"}}
	inRequest // "res", "response", "http", "httpRequest" and the "response" of these
)

// object walks over one line of JSON, of which it takes no more apart than it needs.
type object struct {
	text  []byte
	at    int
	depth int
	in    [deepest + 2]within
	found facts
}

// readJSON reads what stands for level and status, near the top. The line may be cut off.
func readJSON(line []byte) facts {
	o := object{text: line}
	o.enter(top)
	for o.depth > 0 && o.at < len(o.text) {
		o.step()
	}
	return o.found
}

// enter goes past the opening brace or bracket.
func (o *object) enter(in within) {
	o.at++
	o.depth++
	if o.depth < len(o.in) {
		o.in[o.depth] = in
	}
}

func (o *object) step() {
	switch o.text[o.at] {
	case '"':
		o.pair()
	case '{', '[':
		o.enter(elsewhere)
	case '}', ']':
		o.at++
		o.depth--
	default:
		o.at++
	}
}

// quoted reads a string, and goes past it. Escapes stay as they are.
func (o *object) quoted() []byte {
	begin := o.at + 1
	for end := begin; end < len(o.text); end++ {
		n := bytes.IndexByte(o.text[end:], '"')
		if n < 0 {
			break
		}
		if end += n; !escaped(o.text[begin:end]) {
			o.at = end + 1
			return o.text[begin:end]
		}
	}
	o.at = len(o.text)
	return nil
}

// escaped says that what follows is: there is an odd number of backslashes before it.
func escaped(before []byte) bool {
	n := len(before)
	for n > 0 && before[n-1] == '\\' {
		n--
	}
	return (len(before)-n)%2 == 1
}

// pair reads a key and, if it is a simple one, its value. A string that no colon follows is none.
func (o *object) pair() {
	key := o.quoted()
	o.space()
	if o.at >= len(o.text) || o.text[o.at] != ':' {
		return
	}
	o.at++
	o.space()
	if o.at >= len(o.text) {
		return
	}
	switch c := o.text[o.at]; {
	case c == '"':
		o.word(key, o.quoted())
	case digit(c):
		n, digits := number(o.text[o.at:])
		o.at += digits
		o.number(key, n, digits)
	case c == '{':
		o.enter(o.child(key))
	}
}

func (o *object) space() {
	for o.at < len(o.text) && (o.text[o.at] == ' ' || o.text[o.at] == '\t') {
		o.at++
	}
}

func (o *object) place() within {
	if o.depth > deepest {
		return elsewhere
	}
	return o.in[o.depth]
}

func (o *object) child(key []byte) within {
	switch in := o.place(); string(key) {
	case "log":
		if in == top {
			return inLog
		}
	case "res", "http", "httpRequest":
		if in == top {
			return inRequest
		}
	case "response":
		if in == top || in == inRequest {
			return inRequest
		}
	}
	return elsewhere
}

// word takes the value of a string.
func (o *object) word(key, value []byte) {
	switch o.means(key) {
	case aLevel:
		if o.found.level == unknown {
			o.found.level = levelOfValue(value)
		}
	case aLetter:
		if o.found.level == unknown && len(value) == 1 {
			o.found.level = levelOfLetter(value[0])
		}
	case aPriority:
		if o.found.level == unknown {
			o.found.level = levelOfPriority(value)
		}
	case aStatus:
		if len(value) == 3 && o.found.status == 0 {
			o.found.status = status(value)
		}
	}
}

func (o *object) number(key []byte, n, digits int) {
	switch o.means(key) {
	case aLevel:
		if o.found.level == unknown {
			o.found.level = levelOfNumber(n)
		}
	case aSeverity:
		if o.found.level == unknown {
			o.found.level = levelOfSeverity(n)
		}
	case aStatus:
		if o.found.status == 0 && digits == 3 && isStatus(n) {
			o.found.status = n
		}
	}
}

// levelOfPriority is for journald's "PRIORITY":"3", and for names of levels. A bare number is more often a job's, or a ticket's.
func levelOfPriority(value []byte) level {
	if len(value) == 1 && value[0] >= '0' && value[0] <= '7' {
		return levelOfNumber(int(value[0] - '0'))
	}
	return levelOf(value)
}

// levelOfSeverity is for OpenTelemetry's SeverityNumber, from 1 to 24.
func levelOfSeverity(n int) level {
	switch {
	case n >= 17:
		return failing
	case n >= 13:
		return warning
	}
	return calm
}

// meaning is what a key stands for.
type meaning uint8

const (
	nothing meaning = iota
	aLevel
	aLetter   // a level of one letter
	aSeverity // OpenTelemetry's number
	aPriority
	aStatus
)

func (o *object) means(key []byte) meaning {
	in := o.place()
	if in == elsewhere {
		return nothing
	}
	m := meaningOf(key)
	if in == inLog && m == aStatus || in == inRequest && m != aStatus {
		return nothing
	}
	return m
}

// meaningOf knows keys as loggers and servers write them, whatever is between their words.
func meaningOf(key []byte) meaning {
	if len(key) == 0 || len(key) > 26 {
		return nothing
	}
	switch key[0] | 0x20 {
	case 'l', 's', 'h', 'r', 'd', 'p', '@' | 0x20, 'o':
	default:
		return nothing
	}
	var name [26]byte
	n := 0
	for _, c := range key {
		if c != '_' && c != '.' && c != '@' && c != '-' {
			name[n] = c | 0x20
			n++
		}
	}
	switch string(name[:n]) {
	case "level", "lvl", "severity", "loglevel", "levelname", "severitytext", "syslogseverity", "syslogseveritycode":
		return aLevel
	case "priority":
		return aPriority
	case "l", "s":
		return levelOfKey(key)
	case "severitynumber":
		return aSeverity
	case "status", "statuscode", "httpstatus", "httpstatuscode", "httpresponsestatuscode", "responsecode", "responsestatus", "downstreamstatus":
		return aStatus
	}
	return nothing
}

// levelOfKey tells Serilog's "@l" and zap's "L" from MongoDB's "s".
func levelOfKey(key []byte) meaning {
	if string(key) == "@l" || string(key) == "L" {
		return aLevel
	}
	return aLetter
}
