package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/nearest"
)

// knownLabels are those that say something, without the prefix.
func knownLabels() []string {
	return []string{
		"enable", "identity", "service", "pagerduty.service", "slack.channel", "restore.allow", "terminal.allow", "terminal.command", "schedule",
		"keep", "volumes", "pause", "stop-timeout", "runbook", "errors.query", "errors.requests", "errors.pattern",
	}
}

// ourLabels are those that the program puts on what it makes itself.
func ourLabels() []string { return []string{"helper", "demo"} }

// cutPrefix is a label's name without the prefix. It also knows the prefix in other letters and with another sign after it,
// which is a slip and no other program's label.
func cutPrefix(label string) (name string, ok bool) {
	n := len(labelPrefix)
	if len(label) <= n || !strings.EqualFold(label[:n-1], labelPrefix[:n-1]) || !strings.ContainsRune("._-/", rune(label[n-1])) {
		return "", false
	}
	return label[n:], true
}

// unknown tells of labels that say nothing to this version. One that may have been meant to say who may do something lets
// nobody do it: a slip of the pen must not open a door.
func (p parser) unknown() {
	for _, label := range slices.Sorted(maps.Keys(p.labels)) {
		name, ours := cutPrefix(label)
		exact := strings.HasPrefix(label, labelPrefix)
		if !ours || exact && (slices.Contains(knownLabels(), name) || slices.Contains(ourLabels(), name)) {
			continue
		}
		meant := nearest.Name(name, knownLabels())
		text := fmt.Sprintf("label %.80s=%.80q is unknown", label, p.labels[label])
		if meant != "" {
			text += "; did you mean " + labelPrefix + meant + "?"
		}
		p.s.Wrong = append(p.s.Wrong, text+p.close(name, meant, text))
	}
}

// close denies what a label may have been meant to restrict, and says so.
func (p parser) close(name, meant, why string) string {
	restore, shell := restricts(name, meant)
	if restore {
		p.deny(&p.s.RestoreAllow, why)
	}
	if shell || restore && p.follows() {
		p.deny(&p.s.TerminalAllow, why)
	}
	switch {
	case restore:
		return " Until then nobody may restore"
	case shell:
		return " Until then nobody gets a shell"
	}
	return ""
}

// restricts says what a label that is unknown may have been meant to restrict.
func restricts(name, meant string) (restore, shell bool) {
	switch meant {
	case "":
	case "restore.allow":
		return true, false
	case "terminal.allow":
		return false, true
	default:
		return false, false
	}
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("._-/", r) }) {
		switch nearest.Name(word, []string{"restore", "terminal", "shell", "allow"}) {
		case "restore":
			return true, false
		case "terminal", "shell":
			shell = true
		case "allow":
			restore = !shell
		}
	}
	return restore, shell
}

func (p parser) deny(a *access.Allow, why string) {
	*a = access.Allow{Rule: access.Nobody, Why: why}
}

// follows says that the rule for shells is the one for restores.
func (p parser) follows() bool {
	_, has := p.labels[labelPrefix+"terminal.allow"]
	return !has
}

// Mislabelled says what keeps a container from being enabled whose labels speak of the bot; "" when nothing does, when it is
// enabled, or when it says that it is not to be.
func Mislabelled(labels map[string]string) string {
	value, has := labels[labelPrefix+"enable"]
	switch {
	case value == "true", value == "false":
		return ""
	case has:
		return fmt.Sprintf("label snapback.enable=%.80q: want true or false. Until then it is not touched", value)
	}
	var found []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		name, ours := cutPrefix(label)
		if !ours || slices.Contains(ourLabels(), name) {
			continue
		}
		if nearest.Name(name, []string{"enable"}) != "" {
			return fmt.Sprintf("label %.80s=%.80q is unknown; did you mean snapback.enable? Until then it is not touched", label, labels[label])
		}
		found = append(found, label)
	}
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("it has the label %.80s and no snapback.enable=true, so it is not touched", found[0])
}
