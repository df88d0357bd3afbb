package bot

import (
	"context"
	"errors"
	"slices"

	"github.com/slack-go/slack"
)

// send posts one message. Its errors are *Error.
func (b *Bot) send(ctx context.Context, channel string, p post, incidentID int64) (ts string, err error) {
	common := []slack.MsgOption{
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: metadataType, EventPayload: map[string]any{"incident_id": incidentID, "seq": p.seq}}),
	}
	if p.thread != "" {
		common = append(common, slack.MsgOptionTS(p.thread))
	}
	if p.shout {
		common = append(common, slack.MsgOptionBroadcast())
	}
	if err := b.awaitTurn(ctx, channel); err != nil {
		return "", err
	}
	err = b.withFallback(channel, p.rendering, func(content ...slack.MsgOption) error {
		_, ts, err = b.api.PostMessageContext(ctx, channel, append(slices.Clone(common), content...)...)
		return err
	})
	return ts, wrap("posting a message", err)
}

// update edits a message. Slack counts edits apart from posts, so that progress needs not wait for what is posted.
func (b *Bot) update(ctx context.Context, channel, ts string, r Rendering) error {
	if err := b.awaitTurn(ctx, "edits in "+channel); err != nil {
		return err
	}
	return wrap("editing a message", b.withFallback(channel, r, func(content ...slack.MsgOption) error {
		_, _, _, err := b.api.UpdateMessageContext(ctx, channel, ts, content...)
		return err
	}))
}

// withFallback sends a rendering, and its plain text alone when Slack refuses the blocks: the alert has to arrive.
func (b *Bot) withFallback(channel string, r Rendering, do func(...slack.MsgOption) error) error {
	err := do(slack.MsgOptionText(r.Text, false), slack.MsgOptionBlocks(r.Blocks...))
	if kindOf(err) != ofTheMessage {
		return err
	}
	var answer slack.SlackErrorResponse
	errors.As(err, &answer)
	b.log.Error("Slack refuses the blocks of a message: sending its text alone", "channel", channel, "reason", answer.Err, "faults", answer.ResponseMetadata.Messages)
	b.cfg.Observe("render", "refused")
	return do(slack.MsgOptionText(r.Text, false), slack.MsgOptionBlocks())
}
