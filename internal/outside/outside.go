// Package outside makes harmless what others have written, before it is kept or shown: a monitoring tool's title, a note, a
// label, an address. It does not escape: each form (HTML, Markdown, Slack's mrkdwn) does that in its own way. Nor does it
// hide secrets: internal/mask does.
package outside

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is s as one line of valid UTF-8. Control characters go: Postgres takes no NUL, and a terminal obeys others. So do
// characters that take no room, among them those that turn the direction of text round; the joiners stay, which emoji and
// some scripts are made with.
func Line(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == '\u200c' || r == '\u200d':
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")))
}

// Clip cuts s to limit characters, the last of which says that there was more.
func Clip(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

// URL is s if people can be sent there: an absolute http or https address without a user or a password. Otherwise it is
// empty.
func URL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}
