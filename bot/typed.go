package bot

import (
	"html"
	"regexp"
	"strings"
	"unicode"

	"github.com/snapback/snapback/internal/nearest"
)

// What a phone's keyboard makes of quotes, dashes and spaces, and what Slack makes of a name that looks like a host's.
var (
	linkedName = regexp.MustCompile(`<(?:https?|mailto):[^|<>]*\|([^|<>]*)>`)
	dashes     = regexp.MustCompile(`[-‐‑‒–—―−﹣－]+`)
)

// marks may stand around a word that is quoted, or formatted as code.
const marks = "\"'`´*~“”„‟‘’‚‛«»‹›＂＇"

// typedWords are the words of what somebody typed after the command, without what a phone adds to them.
func typedWords(text string) []string {
	text = html.UnescapeString(linkedName.ReplaceAllString(text, "$1"))
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) { // such as a zero-width space
			return -1
		}
		return r
	}, text)
	var out []string
	for _, word := range strings.Fields(text) {
		if word = bare(word); word != "" {
			out = append(out, word)
		}
	}
	return out
}

// bare is a word without the marks around it, and without what ends a sentence. Its letters stay as they are.
func bare(word string) string {
	word = strings.TrimRight(strings.TrimLeft(word, marks), marks+".,;:!?…")
	if inner, ok := strings.CutPrefix(word, "_"); ok {
		word = strings.TrimSuffix(inner, "_")
	}
	return word
}

// sameTyped says whether a name is what was typed, whatever the phone made of its capitals, its dashes, and its end.
func sameTyped(name, typed string) bool { return fold(name) == fold(typed) }

func fold(word string) string {
	return strings.TrimRight(strings.ToLower(dashes.ReplaceAllString(word, "-")), ".")
}

// verbs are what can be asked for, with other words for it.
var verbs = map[string]string{
	"status": "status", "incidents": "status", "list": "list", "containers": "list", "ls": "list", "snapshots": "snapshots",
	"snapshot": "snapshots", "restore": "restore", "help": "help",
	"signin": "signin", "sign-in": "signin", "login": "signin", "console": "signin",
}

// verbOf is the verb that was typed; meant is the one that was probably meant instead when it is none.
func verbOf(typed string) (verb, meant string) {
	typed = fold(typed)
	if verb = verbs[typed]; verb != "" {
		return verb, ""
	}
	return "", nearest.Name(typed, []string{"status", "list", "snapshots", "restore", "signin", "help"})
}

// snapshotTyped is a snapshot's name, put together again when the phone has taken it apart. "To" may stand before it.
func snapshotTyped(words []string) string {
	if len(words) > 1 && fold(words[0]) == "to" {
		words = words[1:]
	}
	return strings.Join(words, "-")
}

// didYouMean asks for the name that is nearest to what was typed; "" when none is near.
func didYouMean(typed string, names []string) string {
	byFold := map[string]string{}
	var folded []string
	for _, name := range names {
		byFold[fold(name)] = name
		folded = append(folded, fold(name))
	}
	meant := nearest.Name(fold(typed), folded)
	if meant == "" {
		return ""
	}
	return " Did you mean `" + quote(byFold[meant], 100) + "`?"
}
