package bot

import (
	"context"
	"errors"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// handOverWithin is how long after a restore a link to it is handed out: later, nobody is waiting for it.
const handOverWithin = 2 * time.Minute

// HandOver gives whoever asked in Slack for a restore that is over a link to what it has left, with the logs from the moment of
// the restore, so that only they see it. Who may not open a terminal gets none, and hears nothing of it. A second call hands out
// a second link. An error means that it should be tried again soon.
func (b *Bot) HandOver(ctx context.Context, restoreID int64) error {
	if b.Terminal == nil {
		return nil
	}
	r, err := b.Restores.Restore(ctx, restoreID)
	if err != nil {
		return err
	}
	if b.cfg.Now().Sub(r.EnteredAt) > handOverWithin {
		b.log.Warn("no terminal link after a restore: it is too late for it", "restore_id", r.ID)
		return nil
	}
	in, err := b.Incidents.Incident(ctx, r.By.Incident)
	if err != nil || !in.Open() {
		return err
	}
	err = b.handOver(ctx, in, r)
	if denied := (*denial)(nil); errors.As(err, &denied) || errors.Is(err, snapshot.ErrUnknownContainer) {
		b.log.Info("no terminal link after a restore", "restore_id", r.ID, "err", err)
		return nil
	}
	return err
}

func (b *Bot) handOver(ctx context.Context, in incidents.Incident, r restore.Restore) error {
	channel, err := b.Access.Stands(ctx, in)
	if err != nil {
		return err
	}
	if channel == "" {
		return &Error{Retry: true, After: 200 * time.Millisecond, Reason: "not_posted", Err: errors.New("it is not known yet where the message stands")}
	}
	h := &handling{Bot: b, in: inbound{User: r.By.Actor.SlackID, UserName: r.By.Actor.Name, Channel: channel}}
	if err := h.identify(ctx); err != nil {
		return err
	}
	return h.linkTo(ctx, in, r)
}

func (h *handling) linkTo(ctx context.Context, in incidents.Incident, r restore.Restore) error {
	c, err := h.container(ctx, keyHash(r.Key))
	if elsewhere := (*snapshot.ElsewhereError)(nil); err != nil && !errors.As(err, &elsewhere) {
		return err
	}
	mode, noShell, err := h.granted(ctx, c, in)
	if err != nil {
		return err
	}
	link, err := h.Terminal.Mint(ctx, access.Grant{
		Person:     access.Holder{Person: h.who, Via: access.Via{Channel: h.in.Channel, Tap: r.By.Source.URL}},
		IncidentID: in.ID, Container: c.Key, Name: c.Called(), Mode: mode, LogsSince: r.RequestedAt,
	}, 0)
	if err != nil {
		return err
	}
	answer := terminalAnswer(quote(c.Called(), 120)+", from the restore on", noShell, link.URL, link.ExpiresAt.In(h.cfg.Zone))
	err = h.ephemeral(ctx, answer, false)
	known := (*Error)(nil)
	if errors.As(err, &known) && known.maybe && h.answerLater([]Rendering{answer}, false, err) { // the same link: another one is not made
		return nil
	}
	if known != nil && (!known.Retry || known.maybe) {
		h.log.Warn("a terminal link after a restore was not taken by Slack", "restore_id", r.ID, "user", h.in.User, "channel", h.in.Channel, "reason", known.Reason)
		return nil
	}
	return err
}
