package access

import (
	"context"
	"errors"
	"slices"
	"time"
)

// MayFromConsole says whether somebody who has signed in with a passkey may. They tap in no channel, so that the rule of the
// channel asks whether they are a member of the one where the container's alerts go, or of the one where the incident's
// message stands. It returns what May returns; an account that is over may nothing.
func (g *Guard) MayFromConsole(ctx context.Context, w Wish) (err error) {
	if w.Who, err = g.Living(ctx, w.Who.SlackID); err != nil {
		return err
	}
	w.Channel = ""
	if w.allow().Rule != Channel {
		return g.May(ctx, w)
	}
	stands, err := g.Stands(ctx, w.Incident)
	if err != nil {
		return err
	}
	var unsure error
	for _, channel := range slices.Compact([]string{g.Home(w.Labels), stands}) {
		in, err := g.InChannel(ctx, w.Who.SlackID, channel)
		if err != nil {
			unsure = &Denial{Why: OtherChannel, Home: g.Home(w.Labels), Unsure: err}
			continue
		}
		if w.Channel = channel; !in {
			continue
		}
		if err := g.May(ctx, w); err == nil || !errors.Is(err, ErrDenied) {
			return err
		}
	}
	if unsure != nil {
		return unsure
	}
	return &Denial{Why: OtherChannel, Home: g.Home(w.Labels)}
}

// A page that stands open asks every few seconds: Slack's silence is taken for an answer for a while, and not waited for.
const (
	channelsFail    = 10 * time.Second
	channelPatience = 3 * time.Second
)

// members waits for Slack as long as a page may.
func (g *Guard) members(ctx context.Context, channel string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, channelPatience)
	defer cancel()
	return g.Slack.ChannelMembers(ctx, channel)
}

// InChannel says whether somebody is a member of a channel; "" is none. An error is Slack's silence.
func (g *Guard) InChannel(ctx context.Context, slackID, channel string) (bool, error) {
	if slackID == "" || channel == "" {
		return false, nil
	}
	members, err := g.channels.of(ctx, channel)
	if err != nil {
		g.Logger.Warn("asking who is in a channel", "channel", channel, "err", err)
	}
	return slices.Contains(members, slackID), err
}
