package bot

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/snapback/snapback/internal/outside"
)

// Limits of Slack's Block Kit reference, in characters.
const (
	maxSection       = 3000
	maxHeader        = 150
	maxButton        = 75
	maxConfirmTitle  = 100
	maxConfirmText   = 300
	maxOption        = 75
	maxOptionValue   = 150
	maxOptions       = 5
	maxFallback      = 3000
	maxMessageBlocks = 50
	maxLink          = 3000
)

// size counts as the strictest reading of Slack's limits would: UTF-16 units.
func size(s string) int {
	n := 0
	for _, r := range s {
		n += width(r)
	}
	return n
}

func width(r rune) int {
	if r > math.MaxUint16 {
		return 2
	}
	return 1
}

// oneLine is outside text with single spaces, as Slack shows it.
func oneLine(s string) string { return strings.Join(strings.Fields(outside.Line(s)), " ") }

var entities = map[rune]string{'&': "&amp;", '<': "&lt;", '>': "&gt;"}

// fit escapes &, < and >, and cuts so that the result has at most limit characters; an entity is never cut in two.
func fit(s string, limit int) string {
	whole, cut := new(strings.Builder), ""
	n := 0
	for _, r := range s {
		piece, wide := string(r), width(r)
		if e := entities[r]; e != "" {
			piece, wide = e, len(e)
		}
		if n+wide > limit {
			return cut + "…"
		}
		if n+wide <= limit-1 {
			cut += piece
		}
		whole.WriteString(piece)
		n += wide
	}
	return whole.String()
}

// literal is outside text for a plain_text object.
func literal(s string, limit int) string { return fit(oneLine(s), limit) }

// quote is outside text for mrkdwn: it can't format, link, or ping. What would format at a word's edge is replaced by
// a look-alike; within a word, such as in DB_POOL, Slack leaves it alone.
func quote(s string, limit int) string { return fit(unformat(oneLine(s)), limit) }

var lookalikes = map[rune]rune{'*': '∗', '~': '∼', '`': 'ˋ', '_': 'ˍ'}

func unformat(s string) string {
	var out strings.Builder
	prev := ' '
	for i, r := range s {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		if like, ok := lookalikes[r]; ok && (r != '_' || !wordy(prev) || !wordy(next)) {
			out.WriteRune(like)
		} else {
			out.WriteRune(r)
		}
		prev = r
	}
	return out.String()
}

func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

// lines joins as many whole lines as fit, and says how many don't.
func lines(limit int, all ...string) string {
	text, left := joined(limit, all)
	if left == 0 {
		return text
	}
	text, left = joined(limit-moreRoom, all)
	return strings.TrimPrefix(fmt.Sprintf("%s\n… and %d more", text, left), "\n")
}

// moreRoom is how many characters the last line may have that says how many are left out.
const moreRoom = 60

// joined also returns how many lines did not fit. A short one may fit after a long one did not.
func joined(limit int, all []string) (text string, left int) {
	var out strings.Builder
	used := 0
	for _, l := range all {
		n := size(l)
		switch {
		case l == "":
			continue
		case used+1+n > limit:
			left++
			continue
		case used > 0:
			out.WriteByte('\n')
		}
		out.WriteString(l)
		used += 1 + n
	}
	return out.String(), left
}

// pages joins all lines into texts of at most limit characters each, and of at most n texts. The last one says how many
// lines there was no room for.
func pages(limit, n int, all []string) []string {
	var out []string
	for len(all) > 0 {
		room := limit
		if len(out) == n-1 {
			room -= moreRoom
		}
		count, used := 0, 0
		for count < len(all) && (count == 0 || used+1+size(all[count]) <= room) {
			used += 1 + size(all[count])
			count++
		}
		page := lines(limit, all[:count]...)
		all = all[count:]
		if len(out) == n-1 && len(all) > 0 {
			return append(out, page+fmt.Sprintf("\n… and %d more", len(all)))
		}
		out = append(out, page)
	}
	return out
}

// span is a length of time as people say it: 8 s, 12 min, 4 h 47 min, 3 days.
func span(d time.Duration) string {
	d = d.Abs()
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		if m := int(d.Minutes()) % 60; m > 0 {
			return fmt.Sprintf("%d h %d min", int(d.Hours()), m)
		}
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// clock is a time of day in zone, with the date when it is not within a day of near.
func clock(t, near time.Time, zone *time.Location) string {
	if near.Sub(t).Abs() < 24*time.Hour {
		return t.In(zone).Format("15:04")
	}
	return t.In(zone).Format("Jan 2 15:04")
}

// slackTime lets each reader's client show the time in its own zone; zone is for clients that can't.
func slackTime(t time.Time, zone *time.Location) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", t.Unix(), t.In(zone).Format("Jan 2 15:04 MST"))
}

// link is mrkdwn for an outside URL, or just the label when it is no such thing.
func link(url, label string) string {
	if !linkable(url) {
		return label
	}
	return "<" + url + "|" + label + ">"
}

// linkable says whether url may stand in mrkdwn and on a button.
func linkable(url string) bool {
	return outside.URL(url) != "" && size(url) <= maxLink && utf8.ValidString(url) && !strings.ContainsAny(url, "<>|\" \t\r\n") &&
		!strings.ContainsFunc(url, unicode.IsControl)
}
