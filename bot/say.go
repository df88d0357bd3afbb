package bot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/slack-go/slack"
)

// say shows something to the person alone, in as many messages as it needs. What Slack does not take now is tried again for a while, beside
// what else the bot does. That it can't be shown is logged: what was decided holds without it.
func (h *handling) say(ctx context.Context, r Rendering) { h.answer(ctx, r.messages(), false) }

// replace puts something in the place of the question that was tapped, if only this person sees that.
func (h *handling) replace(ctx context.Context, r Rendering) {
	h.answer(ctx, []Rendering{r}, h.in.Ephemeral)
}

func (h *handling) answer(ctx context.Context, list []Rendering, replace bool) {
	left, err := h.respondAll(ctx, list, replace)
	if err != nil && !h.answerLater(left, replace, err) {
		h.unanswered(err)
	}
}

func (h *handling) unanswered(err error) {
	h.log.Error("answering a person", "user", h.in.User, "channel", h.in.Channel, "reason", classify(err).Reason)
	h.cfg.Observe("answer", classify(err).Reason)
}

const (
	answerFor  = 2 * time.Minute // so long is an answer tried: later, nobody waits for it
	maxAnswers = 64              // that are tried again at once
)

// answerLater tries again what Slack did not take, and says whether it does. Slack may have shown it all the same: seen twice is better than
// not at all.
func (h *handling) answerLater(left []Rendering, replace bool, err error) bool {
	if !passes(err) || h.ctx.Err() != nil {
		return false
	}
	select {
	case h.answers <- struct{}{}:
	default:
		return false
	}
	h.wg.Go(func() {
		defer func() { <-h.answers }()
		ctx, cancel := context.WithTimeout(h.ctx, answerFor)
		defer cancel()
		for wait := time.Second; passes(err); wait = min(2*wait, 20*time.Second) {
			if !awaits(ctx, max(wait, classify(err).After)) {
				break
			}
			if left, err = h.respondAll(ctx, left, replace); err == nil {
				return
			}
		}
		h.unanswered(err)
	})
	return true
}

// passes says of an error that another try may help, without anybody's doing.
func passes(err error) bool {
	e := classify(err)
	return e.Retry && (e.After == 0 || e.Reason == "rate_limited")
}

// awaits says whether a time has gone by before ctx ended. It does not begin to wait for what comes too late.
func awaits(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// respondAll returns what is left where one is not taken.
func (h *handling) respondAll(ctx context.Context, list []Rendering, replace bool) (left []Rendering, err error) {
	for i, r := range list {
		if err := h.respond(ctx, r, replace); err != nil {
			return list[i:], err
		}
	}
	return nil, nil
}

// respond takes the response URL for what was typed or tapped where the bot may not post, and posts otherwise; where that fails, the other.
// Of two errors it returns the one after which another try may help.
func (h *handling) respond(ctx context.Context, r Rendering, replace bool) error {
	ways := []func(context.Context, Rendering, bool) error{h.ephemeral}
	if h.trusted(h.in.ResponseURL) {
		ways = append(ways, h.webhook)
	}
	if h.in.Kind == inCommand || h.in.Ephemeral {
		slices.Reverse(ways)
	}
	var failed error
	for _, way := range ways {
		err := way(ctx, r, replace)
		if err == nil {
			return nil
		}
		if failed == nil || passes(err) {
			failed = err
		}
	}
	return failed
}

func (h *handling) webhook(ctx context.Context, r Rendering, replace bool) error {
	err := slack.PostWebhookCustomHTTPContext(ctx, h.in.ResponseURL, h.cfg.Client, &slack.WebhookMessage{
		Text: r.Text, Blocks: &slack.Blocks{BlockSet: r.Blocks}, ResponseType: slack.ResponseTypeEphemeral, ReplaceOriginal: replace,
	})
	if status := (slack.StatusCodeError{}); errors.As(err, &status) && status.Code < http.StatusInternalServerError { // used too often, or too old
		return &Error{Reason: "unavailable", Err: err}
	}
	return err
}

// ephemeral replaces nothing.
func (h *handling) ephemeral(ctx context.Context, r Rendering, _ bool) error {
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
