package bot

import (
	"context"
	"net/url"

	"github.com/slack-go/slack"
)

// say shows something to the person alone, in as many messages as it needs. That it can't be shown is logged: what was
// decided holds without it.
func (h *handling) say(ctx context.Context, r Rendering) {
	for _, m := range r.messages() {
		h.answer(ctx, m, false)
	}
}

// replace puts something in the place of the question that was tapped, if only this person sees that.
func (h *handling) replace(ctx context.Context, r Rendering) { h.answer(ctx, r, h.in.Ephemeral) }

func (h *handling) answer(ctx context.Context, r Rendering, replace bool) {
	direct := h.in.Kind == inCommand || h.in.Ephemeral
	err := h.respond(ctx, r, replace, direct)
	if err == nil {
		return
	}
	h.log.Error("answering a person", "user", h.in.User, "channel", h.in.Channel, "reason", classify(err).Reason)
	h.cfg.Observe("answer", classify(err).Reason)
}

// respond takes the response URL for what was typed or tapped where the bot may not post, and posts otherwise.
func (h *handling) respond(ctx context.Context, r Rendering, replace, direct bool) error {
	if direct && h.trusted(h.in.ResponseURL) {
		if h.webhook(ctx, r, replace) == nil {
			return nil
		}
	}
	err := h.ephemeral(ctx, r)
	if err != nil && !direct && h.trusted(h.in.ResponseURL) {
		return h.webhook(ctx, r, replace)
	}
	return err
}

func (h *handling) webhook(ctx context.Context, r Rendering, replace bool) error {
	return slack.PostWebhookCustomHTTPContext(ctx, h.in.ResponseURL, h.cfg.Client, &slack.WebhookMessage{
		Text: r.Text, Blocks: &slack.Blocks{BlockSet: r.Blocks}, ResponseType: slack.ResponseTypeEphemeral, ReplaceOriginal: replace,
	})
}

func (h *handling) ephemeral(ctx context.Context, r Rendering) error {
	options := []slack.MsgOption{slack.MsgOptionText(r.Text, false), slack.MsgOptionBlocks(r.Blocks...)}
	if h.in.ThreadTS != "" {
		options = append(options, slack.MsgOptionTS(h.in.ThreadTS))
	}
	_, err := h.api.PostEphemeralContext(ctx, h.in.Channel, h.in.User, options...)
	return wrap("answering a person", err)
}

// trusted says whether a response URL is Slack's, or of the configured API's host: nothing else is called.
func (h *handling) trusted(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	api, err := url.Parse(h.cfg.APIURL)
	if err == nil && u.Scheme == api.Scheme && u.Host == api.Host {
		return true
	}
	return u.Scheme == "https" && (u.Host == "hooks.slack.com" || u.Host == "hooks.slack-gov.com")
}

func nameOf(u *slack.User) string {
	for _, name := range []string{u.Profile.RealName, u.RealName, u.Profile.DisplayName, u.Name} {
		if name != "" {
			return name
		}
	}
	return ""
}
