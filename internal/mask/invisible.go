package mask

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// escape is how long the escape sequence is with which a text begins: what a terminal acts on and does not show; 0 when it
// begins with none. It is no regular expression, since every line of a log comes by here.
func escape(text string) int {
	switch {
	case strings.HasPrefix(text, "\u009b"):
		return sequence(text, len("\u009b"), '@')
	case len(text) < 2 || text[0] != '\x1b':
		return 0
	case text[1] == '[':
		return sequence(text, 2, '@')
	case strings.IndexByte("]PX^_", text[1]) >= 0:
		return control(text)
	}
	return sequence(text, 1, '0')
}

// sequence ends with a character from final on, behind parameters and others that come before it.
func sequence(text string, at int, final byte) int {
	for at < len(text) && text[at] >= ' ' && text[at] < final {
		at++
	}
	if at < len(text) && text[at] >= final && text[at] <= '~' {
		return at + 1
	}
	return 0
}

// control is a string for the terminal, such as a title. It ends with a bell, with ESC \, or where another sequence begins.
func control(text string) int {
	end := strings.IndexAny(text[2:], "\x07\x1b")
	switch {
	case end < 0:
		return len(text)
	case text[2+end] == '\x07':
		return 2 + end + 1
	case strings.HasPrefix(text[2+end:], "\x1b\\"):
		return 2 + end + 2
	}
	return 2 + end
}

// invisible says that a character takes no room where a text is shown. A line break and a tab do.
func invisible(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0, r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r >= 0xfe00 && r <= 0xfe0f:
		return true
	}
	return r > 0x7f && unicode.Is(unicode.Cf, r)
}

// visible is a text as it is seen: without escape sequences, characters that take no room, and what a backspace rubs out.
func visible(text string) string {
	if !strings.ContainsFunc(text, invisible) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		if n := escape(text[i:]); n > 0 {
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\b':
			_, last := utf8.DecodeLastRune(out)
			out = out[:len(out)-last]
		case !invisible(r):
			out = append(out, text[i:i+size]...)
		}
		i += size
	}
	return string(out)
}

// squeezed is a text without whatever can stand within a secret and is no part of it, and where each of its bytes is in the
// text. Without escapes, these are left in: what a terminal takes for one may be part of a secret to whoever reads the text.
func squeezed(text string, escapes bool) (bare string, at []int) {
	var out []byte
	for i := 0; i < len(text); {
		if n := escape(text[i:]); n > 0 && escapes {
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if !invisible(r) && r != '\n' && r != '\t' {
			for j := range size {
				out, at = append(out, text[i+j]), append(at, i+j)
			}
		}
		i += size
	}
	return string(out), at
}

// shortestSplit is the length below which a secret is not looked for in pieces.
const shortestSplit = 8

// hideSplit hides the secrets among which something stands that is no part of them. Forms has the longest first.
func hideSplit(text string, forms []string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r == '\t' || r == '\n' || invisible(r) }) {
		return text
	}
	for _, f := range forms {
		if f, _ = squeezed(f, false); len(f) >= shortestSplit {
			text = hidePieces(hidePieces(text, f, true), f, false)
		}
	}
	return text
}

func hidePieces(text, secret string, escapes bool) string {
	bare, at := squeezed(text, escapes)
	var out strings.Builder
	done, from := 0, 0
	for {
		i := strings.Index(bare[from:], secret)
		if i < 0 {
			break
		}
		first, last := at[from+i], at[from+i+len(secret)-1]
		out.WriteString(text[done:first] + Hidden)
		done, from = last+1, from+i+len(secret)
	}
	return out.String() + text[done:]
}
