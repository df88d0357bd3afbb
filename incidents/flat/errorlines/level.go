package errorlines

// level is how bad something is, as far as counting goes.
type level uint8

const (
	unknown level = iota // nothing says so
	calm                 // below a warning
	warning
	failing // error and worse
)

// levelOf knows the names of levels, also as loggers shorten them, in letters of any case.
func levelOf(word []byte) level {
	var lower [13]byte
	if len(word) < 3 || len(word) > len(lower) {
		return unknown
	}
	for i, c := range word {
		lower[i] = c | 0x20
	}
	switch string(lower[:len(word)]) {
	case "error", "err", "erro", "eror", "fatal", "ftl", "fata", "critical", "crit", "severe", "panic", "pani", "dpanic", "emerg", "emergency", "alert":
		return failing
	case "warn", "warning", "wrn":
		return warning
	case "info", "inf", "information", "informational", "notice", "debug", "dbg", "debu", "trace", "trc", "trac", "verbose", "fine", "finer", "finest":
		return calm
	}
	return unknown
}

// levelOfValue is levelOf for the value of a key, which may go on, as in ERROR+2, and may be a letter.
func levelOfValue(v []byte) level {
	if len(v) == 1 {
		return levelOfLetter(v[0])
	}
	return levelOf(v[:letters(v)])
}

// levelOfLetter knows those of glog, MongoDB, Ruby and Tornado.
func levelOfLetter(c byte) level {
	switch c {
	case 'E', 'F', 'C':
		return failing
	case 'W':
		return warning
	case 'I', 'D', 'V', 'T', 'N':
		return calm
	}
	return unknown
}

// levelOfNumber tells the scales apart by their range: syslog's and GELF's from 0, the worst, to 7; 10 to 60 of bunyan and pino,
// and 100 to 600 of Monolog.
func levelOfNumber(n int) level {
	switch {
	case n <= 3, n >= 50 && n < 100, n >= 400 && n <= 600:
		return failing
	case n == 4, n >= 40 && n < 50, n >= 300 && n < 400:
		return warning
	}
	return calm
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }
func upper(c byte) bool  { return c >= 'A' && c <= 'Z' }

// letters is how many letters a word begins with.
func letters(b []byte) int {
	for i, c := range b {
		if !letter(c) {
			return i
		}
	}
	return len(b)
}

// number reads a whole number of up to nine digits at the beginning; digits is how many there are.
func number(b []byte) (n, digits int) {
	for digits < len(b) && digits < 9 && digit(b[digits]) {
		n = n*10 + int(b[digits]-'0')
		digits++
	}
	return n, digits
}

// status reads a status of HTTP; 0 when b does not begin with one.
func status(b []byte) int {
	n, digits := number(b)
	if digits != 3 || !isStatus(n) {
		return 0
	}
	return n
}

// isStatus knows the ranges that are in use, so that a program's exit code, such as 137, is not taken for one.
func isStatus(n int) bool {
	return n >= 100 && n <= 103 || n >= 200 && n <= 226 || n >= 300 && n <= 308 || n >= 400 && n <= 530 || n == 599
}
