package errorlines

import "bytes"

// readPairs reads the key=value pairs of logfmt, wherever they begin. The level of a line's header is the line's.
func readPairs(line []byte, f facts) facts {
	for rest := line; ; {
		at := bytes.IndexByte(rest, '=')
		if at < 0 {
			return f
		}
		m := meaningOf(lastWord(rest[:at]))
		value, after := pairValue(rest[at+1:])
		switch {
		case m == aLevel && f.level == unknown:
			f.level = levelOfValue(value)
		case m == aStatus && f.status == 0 && len(value) == 3:
			f.status = status(value)
		}
		rest = after
	}
}

// lastWord is the key before an equals sign.
func lastWord(b []byte) []byte {
	begin := len(b)
	for begin > 0 && len(b)-begin <= 26 && keyByte(b[begin-1]) {
		begin--
	}
	return b[begin:]
}

func keyByte(c byte) bool {
	return letter(c) || digit(c) || c == '_' || c == '.' || c == '-' || c == '@'
}

// pairValue takes a value off, quoted or not. Pairs within quotes are part of a message.
func pairValue(b []byte) (value, after []byte) {
	if len(b) == 0 || b[0] != '"' {
		end := 0
		for end < len(b) && b[end] != ' ' && b[end] != '\t' && b[end] != ',' {
			end++
		}
		return b[:end], b[end:]
	}
	o := object{text: b}
	return o.quoted(), b[o.at:]
}
