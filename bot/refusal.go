package bot

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// Slack has hundreds of codes, and adds new ones. So a refusal is judged by its kind: what is known to pass by itself is tried
// again; what is about the account waits for whoever mends the account; what is about the message itself goes out as text alone,
// or is left out of a thread. All else is the channel's: the message goes to the default channel, and says so.

// refusalKind is of what kind a refusal is.
type refusalKind int

const (
	accepted     refusalKind = iota // no refusal of Slack's
	passing                         // Slack has a bad moment
	ofTheAccount                    // a person has to mend the app or the workspace
	ofTheMessage                    // no channel would take it as it is
	ofTheChannel                    // another channel may take it
)

// The words by which codes of a kind are known. Within each kind the codes of Slack's documentation are these and longer ones.
var (
	passingWords = []string{
		"ratelimit", "rate_limit", "message_limit", "too_many_requests", "internal", "fatal", "unavailable", "timeout", "timed_out",
		"temporar", "try_again", "migrat", "team_added_to_org", "org_login_required", "overload", "maintenance",
	}
	accountWords = []string{
		"auth", "account_", "token", "scope", "ekm_", "two_factor", "team_access", "enterprise_", "accesslimited", "app_",
	}
	messageWords = []string{
		"no_text", "too_long", "blocks", "attachment", "metadata", "markdown", "invalid_arg", "cannot_reply_to_message", "duplicate_message",
		"thread_ts", "too_large",
	}
)

// kindOf says of what kind the refusal in err is.
func kindOf(err error) refusalKind {
	code := slackCode(err)
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(code, word) })
	}
	switch {
	case code == "":
		return accepted
	case has(passingWords):
		return passing
	case has(accountWords):
		return ofTheAccount
	case has(messageWords):
		return ofTheMessage
	}
	return ofTheChannel
}

// refusedBySlack makes an *Error of a code. What a person has to mend is tried again slowly, so that nothing is lost.
func refusedBySlack(kind refusalKind, code string) *Error {
	switch {
	case kind == passing && strings.Contains(code, "limit"):
		return &Error{Retry: true, After: 10 * time.Second, Reason: "rate_limited"}
	case kind == passing: // Slack's documentation of these says that some of it may have been done
		return &Error{Retry: true, Reason: code, maybe: true}
	case kind == ofTheMessage:
		return &Error{Reason: code}
	}
	return &Error{Retry: true, After: time.Minute, Reason: code}
}

// refusal is a channel that does not take what the bot posts, and Slack's code for it.
type refusal struct {
	Channel string `json:"channel"`
	Reason  string `json:"reason"`

	fresh bool // it is not on the timeline yet
}

// line says so where it is posted instead.
func (r refusal) line() string {
	return "⚠️ <#" + r.Channel + "> did not take this: " + r.words() + " (`" + quote(r.Reason, 80) + "`)"
}

// words say what that means, and what can be done about it.
func (r refusal) words() string {
	has := func(word string) bool { return strings.Contains(r.Reason, word) }
	switch {
	case has("archived"), has("inactive"):
		return "it is archived"
	case has("not_in_channel"):
		return "I am not in it. Invite me there"
	case has("not_found"):
		return "it is gone, or private without me in it"
	case has("restricted"), has("denied"), has("permission"), has("read_only"):
		return "it does not let me post so"
	}
	return "Slack refuses it"
}

// entry is the refusal for the timeline: the message is in another channel from then on.
func (r refusal) entry(incident int64, instead string, at time.Time) incidents.Entry {
	details, _ := incidents.Details(r) // strings: always encodable
	return incidents.Entry{
		IncidentID: incident, OccurredAt: at, Kind: incidents.KindSlackRefused, Actor: incidents.Self(),
		Source:  incidents.Source{System: "slack", NativeID: "refused/" + r.Channel},
		Summary: "The Slack channel " + r.Channel + " did not take the alert: " + r.words() + " (" + r.Reason + "). It is in " + cmp.Or(instead, "no channel") + " instead",
		Details: details,
	}
}

// refusedChannels are those that the timeline tells of.
func refusedChannels(entries []incidents.Entry) (out []refusal) {
	for _, e := range entries {
		var r refusal
		if e.Kind == incidents.KindSlackRefused && json.Unmarshal(e.Details, &r) == nil && r.Channel != "" {
			out = append(out, r)
		}
	}
	return out
}
