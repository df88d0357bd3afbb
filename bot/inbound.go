package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/slack-go/slack"
)

// Kinds of what comes in and is kept until it has been handled.
const (
	inTap     = "tap"
	inCommand = "command"
)

// inbound is what is kept of a call of Slack's: only what Handle needs. Verification tokens, and the texts and links
// of the message that was tapped, are not kept.
type inbound struct {
	Kind        string `json:"kind"`
	Native      string `json:"native"` // the same call delivered again has the same
	From        origin `json:"from,omitzero"`
	User        string `json:"user"`
	UserName    string `json:"user_name,omitempty"`
	Channel     string `json:"channel,omitempty"`
	MessageTS   string `json:"message_ts,omitempty"`
	Workspace   string `json:"workspace,omitempty"` // its domain, for links to the message
	ThreadTS    string `json:"thread_ts,omitempty"`
	Ephemeral   bool   `json:"ephemeral,omitempty"` // the tapped message is one that only this person sees
	Action      string `json:"action,omitempty"`
	Value       string `json:"value,omitempty"`
	Text        string `json:"text,omitempty"` // a command's arguments
	ResponseURL string `json:"response_url,omitempty"`
}

// errIgnored is for what needs no handling.
var errIgnored = errors.New("nothing to do")

var errMalformed = errors.New("not what Slack sends")

// parseForm reads the body of a call; what stands in the URL is never looked at.
func parseForm(body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return form, nil
}

// interaction is what is looked at of an interaction. The message that was tapped comes along whole; only its time is
// read, so that nothing within it can make a tap unreadable.
type interaction struct {
	Type        string `json:"type"`
	ResponseURL string `json:"response_url"`
	User        struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Message struct {
		TS string `json:"ts"`
	} `json:"message"`
	Team struct {
		ID     string `json:"id"`
		Domain string `json:"domain"`
	} `json:"team"`
	Enterprise struct {
		ID string `json:"id"`
	} `json:"enterprise"`
	Container slack.Container `json:"container"`
	Actions   []struct {
		ActionID string `json:"action_id"`
		ActionTS string `json:"action_ts"`
		Value    string `json:"value"`
		Selected struct {
			Value string `json:"value"`
		} `json:"selected_option"`
	} `json:"actions"`
}

// parseInteraction reads the JSON of an interaction. It returns errIgnored for what is not a tap.
func parseInteraction(payload []byte) (inbound, error) {
	var c interaction
	if err := json.Unmarshal(payload, &c); err != nil {
		return inbound{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if c.Type == "" || c.User.ID == "" {
		return inbound{}, fmt.Errorf("%w: no type or user", errMalformed)
	}
	if c.Type != string(slack.InteractionTypeBlockActions) || len(c.Actions) == 0 {
		return inbound{}, errIgnored
	}
	return tap(c)
}

func tap(c interaction) (inbound, error) {
	a := c.Actions[0]
	in := inbound{
		Kind: inTap, From: origin{c.Team.ID, c.Enterprise.ID, c.User.TeamID}, User: c.User.ID, UserName: c.User.Name, Channel: c.Container.ChannelID, MessageTS: c.Container.MessageTs,
		Workspace: c.Team.Domain, ThreadTS: c.Container.ThreadTs, Ephemeral: c.Container.IsEphemeral, Action: a.ActionID, Value: a.Value, ResponseURL: c.ResponseURL,
	}
	if in.Channel == "" {
		in.Channel = c.Channel.ID
	}
	if in.MessageTS == "" {
		in.MessageTS = c.Message.TS
	}
	if a.Selected.Value != "" {
		in.Value = a.Selected.Value
	}
	if in.Action == actLink || in.Action == "" {
		return inbound{}, errIgnored
	}
	in.Native = strings.Join([]string{in.MessageTS, in.Action, digest(in.Value), in.User, a.ActionTS}, "|")
	return in, nil
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// parseCommand reads a slash command, from a form or from Socket Mode. Its trigger ID is what identifies it.
func parseCommand(c slack.SlashCommand) (inbound, error) {
	if c.Command == "" || c.UserID == "" || c.ChannelID == "" || c.TriggerID == "" {
		return inbound{}, fmt.Errorf("%w: no command, user, channel or trigger", errMalformed)
	}
	return inbound{
		Kind: inCommand, From: origin{Team: c.TeamID, Enterprise: c.EnterpriseID}, Native: "command|" + c.TriggerID, User: c.UserID, UserName: c.UserName,
		Channel: c.ChannelID, Text: c.Text, ResponseURL: c.ResponseURL,
	}, nil
}

// accept keeps a call until it has been handled; the caller may acknowledge it then. It returns errElsewhere for what
// another workspace sends.
func (b *Bot) accept(ctx context.Context, in inbound) error {
	if err := b.directory.admit(ctx, in.From); err != nil {
		return err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	fresh, err := b.Inbox.Accept(ctx, "slack", in.Native, body)
	switch {
	case err != nil:
		b.log.Error("storing a call of Slack's", "kind", in.Kind, "err", err)
		b.cfg.Observe("inbound", "unstored")
	case fresh:
		b.cfg.Observe("inbound", in.Kind)
	default:
		b.cfg.Observe("inbound", "duplicate")
	}
	return err
}

var workspaceDomain = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// permalink leads to the message that was tapped; "" when it is one that only that person saw.
func (in inbound) permalink() string {
	if in.Ephemeral || in.MessageTS == "" || in.Channel == "" || !workspaceDomain.MatchString(in.Workspace) {
		return ""
	}
	return fmt.Sprintf("https://%s.slack.com/archives/%s/p%s", in.Workspace, url.PathEscape(in.Channel), url.PathEscape(strings.ReplaceAll(in.MessageTS, ".", "")))
}
