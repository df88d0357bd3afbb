package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"
)

// Scopes are what the app needs in Slack, each with what doesn't work without it.
func Scopes() map[string]string {
	return map[string]string{
		"chat:write":       "posting anything",
		"commands":         "/snapback",
		"users:read":       "telling who tapped",
		"users:read.email": "acting in PagerDuty as the person who tapped",
		"usergroups:read":  "permissions for user groups",
		"channels:read":    "checking the channel",
		"channels:history": "posting once after a crash, in public channels",
		"groups:history":   "posting once after a crash, in private channels",
		"groups:read":      "checking a private channel",
	}
}

// pictureScope is one that the bot does without.
const pictureScope = "files:write"

// Lacks says what the bot does without, which is no fault: it works at night all the same. nil: nothing.
func (b *Bot) Lacks(ctx context.Context) error {
	who, err := b.api.AuthTestContext(ctx)
	if err != nil {
		return nil // SelfTest says that
	}
	have := who.Header.Get("X-OAuth-Scopes")
	if have == "" || slices.Contains(scopesOf(have), pictureScope) {
		return nil
	}
	return errors.New("slack scope " + pictureScope + " is missing: the thread has no picture of the errors")
}

func scopesOf(header string) []string {
	return strings.FieldsFunc(header, func(r rune) bool { return r == ',' || r == ' ' })
}

var errScopes = errors.New("slack scopes are missing")

// SelfTest checks the tokens, their scopes, and the default channel. Its error has one line for each thing to mend.
func (b *Bot) SelfTest(ctx context.Context) error {
	_, err := b.TokenTest(ctx)
	if err != nil && !errors.Is(err, errScopes) {
		return err
	}
	return errors.Join(err, b.ChannelTest(ctx), b.SocketTest(ctx))
}

// TokenTest checks the bot token and its scopes, and says whose it is.
func (b *Bot) TokenTest(ctx context.Context) (found string, err error) {
	who, err := b.api.AuthTestContext(ctx)
	if err != nil && slackCode(err) == "" {
		return "", fmt.Errorf("slack does not answer (%s)", classify(err).Reason)
	}
	if err != nil {
		return "", fmt.Errorf("slack does not take the bot token (%s): set SLACK_BOT_TOKEN to the Bot User OAuth Token", classify(err).Reason)
	}
	return who.User + " in " + who.Team, scopesMissing(who.Header.Get("X-OAuth-Scopes"))
}

// SocketTest checks the app token, if there is one. It asks for a socket, and opens none: Slack would deliver taps to it.
func (b *Bot) SocketTest(ctx context.Context) error {
	if b.cfg.AppToken == "" {
		return nil
	}
	if _, _, err := b.api.StartSocketModeContext(ctx); err != nil {
		return &socketEnd{reason: classify(err).Reason, err: err}
	}
	return nil
}

// scopesMissing says nothing when Slack did not say which scopes there are.
func scopesMissing(header string) error {
	if header == "" {
		return nil
	}
	have := scopesOf(header)
	var out []string
	for scope, what := range Scopes() {
		if !slices.Contains(have, scope) {
			out = append(out, scope+" ("+what+")")
		}
	}
	if len(out) == 0 {
		return nil
	}
	slices.Sort(out)
	return fmt.Errorf("%w: %s: add them and install the app again", errScopes, strings.Join(out, ", "))
}

// ChannelTest checks the default channel.
func (b *Bot) ChannelTest(ctx context.Context) error {
	if b.cfg.Channel == "" {
		return errors.New("no default channel: alerts of containers that name no channel can't be posted: set SLACK_CHANNEL")
	}
	c, err := b.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: b.cfg.Channel})
	switch {
	case err != nil:
		return fmt.Errorf("channel %s can't be looked at (%s): check SLACK_CHANNEL, and invite the app if it is private", b.cfg.Channel, classify(err).Reason)
	case c.IsArchived:
		return fmt.Errorf("channel %s is archived: set SLACK_CHANNEL to another", b.cfg.Channel)
	case !c.IsMember && !c.IsIM:
		return fmt.Errorf("the app is not in channel %s: type /invite @snapback there", b.cfg.Channel)
	}
	return nil
}
