package mask

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// shortest is the length below which a secret is not looked for in a text: it would take ordinary words with it.
const shortest = 4

// Secrets lists the values of an environment (NAME=value each) that are to be hidden, and the passwords within URLs.
func Secrets(env []string) []string {
	var out []string
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		if !Secret(name, value) {
			continue
		}
		out = append(out, value)
		if u, err := url.Parse(value); err == nil && u.User != nil {
			if password, ok := u.User.Password(); ok {
				out = append(out, password)
			}
		}
	}
	return out
}

// Text hides secrets within a text: those given, also as they look in a URL, in JSON or in base64, and whatever has the
// look that only a secret has. It does not go by randomness alone, since logs are full of harmless IDs. What control
// characters, escape sequences or characters without width have in their midst is found as well: where it has no other name
// than its look, the text loses all of those.
func Text(text string, secrets []string) string {
	known := forms(secrets)
	text = hideLooks(hideSplit(hideKnown(text, known), known))
	if seen := visible(text); seen != text {
		if hidden := hideLooks(hideKnown(seen, known)); hidden != seen {
			return hidden
		}
	}
	return text
}

func hideKnown(text string, forms []string) string {
	for _, f := range forms {
		text = replace(text, f)
	}
	return text
}

// hideLooks hides what looks like a secret, and what is named like one.
func hideLooks(text string) string {
	lower := strings.ToLower(text)
	for _, p := range patterns {
		if p.within(lower) {
			text = p.ReplaceAllLiteralString(text, Hidden)
		}
	}
	for _, p := range withSecret {
		if p.within(lower) {
			text = p.ReplaceAllString(text, "${1}"+Hidden+"${2}")
		}
	}
	return hideNamed(text)
}

// replace leaves alone what hides another secret: "mask" is one too.
func replace(text, secret string) string {
	if !strings.Contains(text, secret) {
		return text
	}
	parts := strings.Split(text, Hidden)
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(p, secret, Hidden)
	}
	return strings.Join(parts, Hidden)
}

// Words is Text for what is no running text, such as a command: there, words that seem drawn at random are hidden as well.
func Words(text string, secrets []string) string {
	return word.ReplaceAllStringFunc(Text(text, secrets), func(w string) string {
		if drawn(w) || uuid.MatchString(w) {
			return Hidden
		}
		return w
	})
}

// word may hold what base64 and identifiers consist of.
var word = regexp.MustCompile(`[A-Za-z0-9+/_-]{14,}=*`)

// forms lists the longest first, so that a secret within another does not leave the rest of it in sight.
func forms(secrets []string) []string {
	var out []string
	for _, s := range secrets {
		if s = strings.TrimSpace(s); len(s) < shortest || ordinary(s) {
			continue
		}
		out = append(out, s, url.QueryEscape(s), url.PathEscape(s), strings.ReplaceAll(s, "\n", `\n`),
			strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(s)), "="))
		for line := range strings.Lines(s) { // keys are logged line by line
			if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") {
				out = append(out, line)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	return slices.Compact(out)
}

// ordinary words stand in secret-looking variables too, and are in every log.
func ordinary(s string) bool {
	return slices.Contains([]string{"true", "false", "none", "null", "disabled", "enabled", "default"}, strings.ToLower(s))
}
