package access

import (
	"regexp"
	"slices"
	"strings"
)

// Rule is how it is decided who may do something.
type Rule string

// The rules. What is none of them permits nobody.
const (
	Channel Rule = "channel" // whoever is in the channel where the container's alerts go
	OnCall  Rule = "oncall"  // whoever is on call for the container's PagerDuty service
	Listed  Rule = "listed"  // whom the label names
	Nobody  Rule = "none"
)

// Allow is who may do something.
type Allow struct {
	Rule Rule
	IDs  []string // with Listed: Slack user IDs (U…, W…) and user-group IDs (S…)
	Why  string   // with Nobody: what is wrong with a label, when that and not the label itself is why
}

// Labels are those of a container's labels that say who may do what with it, and where its people are.
type Labels struct {
	PagerDutyServices []string // IDs
	SlackChannel      string   // an ID; "": the default channel
	RestoreAllow      Allow
	TerminalAllow     Allow // of a shell; logs follow RestoreAllow
}

// Names says whether the container names a PagerDuty service as its own.
func (l Labels) Names(service string) bool {
	return service != "" && slices.Contains(l.PagerDutyServices, service)
}

// ParseAllow reads the value of a label. It returns false for one that can't be read; then nobody may, since a slip of the
// pen must not open a door. An empty one can't: what was to be put there, such as by Compose from the environment, is missing.
func ParseAllow(label string) (Allow, bool) {
	switch rule := Rule(strings.TrimSpace(label)); rule {
	case Channel, OnCall, Nobody:
		return Allow{Rule: rule}, true
	}
	var ids []string
	for id := range strings.SplitSeq(label, ",") {
		if id = strings.TrimSpace(id); id == "" {
			continue
		}
		if !personOrGroup.MatchString(id) {
			return Allow{Rule: Nobody}, false
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return Allow{Rule: Nobody}, false
	}
	return Allow{Rule: Listed, IDs: ids}, true
}

var personOrGroup = regexp.MustCompile(`^[UWS][A-Z0-9]{2,}$`)

// IsGroup says whether an ID is a user group's.
func IsGroup(id string) bool { return strings.HasPrefix(id, "S") }

// channelID is the form of a channel's ID; names of channels can change.
var channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{2,}$`)

// IsChannelID says whether s has the form of the ID of a Slack channel.
func IsChannelID(s string) bool { return channelID.MatchString(s) }
