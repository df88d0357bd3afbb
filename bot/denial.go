package bot

import (
	"errors"
	"slices"
	"strings"

	"github.com/snapback/snapback/access"
)

// denial is a refusal in words for the person who is refused.
type denial struct {
	sentence string
	unsure   error // why it could not be found out; nil when the person may not
}

func (d *denial) Error() string { return d.sentence }

// Unwrap is there for logs only: to the person, it is a refusal all the same.
func (d *denial) Unwrap() error { return d.unsure }

// Is says of a denial that it is ErrUnsure when it could not be found out.
func (d *denial) Is(target error) bool { return target == access.ErrUnsure && d.unsure != nil }

// inWords makes of a refusal what the person is told; what is what they wanted, such as "restore api". Other errors it leaves
// as they are.
func inWords(err error, what string) error {
	var d *access.Denial
	if !errors.As(err, &d) {
		return err
	}
	return &denial{sentence: "Nothing was done: " + because(d, what), unsure: d.Unsure}
}

func because(d *access.Denial, what string) string {
	switch d.Why {
	case access.OtherChannel:
		return "to " + what + ", ask me in <#" + d.Home + ">."
	case access.ShellElsewhere:
		return "only from <#" + d.Home + "> may one " + what + ", and this alert is not there. " +
			"Logs and restores work from here. To have shells as well, let the container's `snapback.pagerduty.service` name " +
			"this alert's service, or its `snapback.terminal.allow` be `oncall`."
	case access.NoService:
		return "only who is on call may " + what + ", and no PagerDuty service is named that I could ask. Set `snapback.pagerduty.service`, or restore with an API token."
	case access.OffCall:
		return becauseOffCall(d, what)
	case access.NotListed:
		if d.Unsure != nil {
			return "Slack does not tell me who is in the groups that may " + what + ". Try again in a minute."
		}
		return "only these may " + what + ": " + mentions(d.IDs) + "."
	case access.BadAccount:
		return becauseOfAccount(d)
	}
	if d.Label != "" {
		return "nobody may " + what + " until a label of the container is put right: " + quote(d.Label, 300)
	}
	return "nobody may " + what + ", as the container's labels have it."
}

func becauseOffCall(d *access.Denial, what string) string {
	if d.Unsure != nil {
		return "only who is on call may " + what + ", and PagerDuty does not tell me who that is. Try again in a minute."
	}
	var names []string
	for _, name := range d.Names {
		names = append(names, quote(name, 60))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	text := "only who is on call may " + what
	if len(names) > 0 {
		text += ": ask " + strings.Join(names[:min(len(names), 5)], ", ")
	}
	if d.NoEmail {
		text += ". If that is you: Slack shows me no e-mail address of yours that I can go by. It has to be confirmed there, and a guest's counts only with `SNAPBACK_SLACK_GUESTS=true`"
	}
	return text + "."
}

func becauseOfAccount(d *access.Denial) string {
	if d.Unsure != nil {
		return "Slack does not tell me right now whose account that is. Try again in a minute."
	}
	switch d.Standing {
	case access.Foreign:
		return "that Slack account belongs to another workspace, and I work for this one alone."
	case access.Deactivated:
		return "that Slack account is deactivated."
	case access.Program:
		return "that Slack account is a program's: programs use an API token."
	}
	return "Slack does not know that account any more."
}

// mentions names users and groups without pinging anybody: an answer that one person sees pings nobody, but groups
// are written as code all the same.
func mentions(ids []string) string {
	var out []string
	for _, id := range ids[:min(len(ids), 8)] {
		if access.IsGroup(id) {
			out = append(out, "group `"+id+"`")
		} else {
			out = append(out, "<@"+id+">")
		}
	}
	return strings.Join(out, ", ")
}
