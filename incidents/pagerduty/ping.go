package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/snapback/snapback/incidents"
)

// PingReader tells of the test calls that bots have asked PagerDuty for by themselves, and of what came.
type PingReader interface {
	// WebhookPings are the last ones along each subscription, by PagerDuty's IDs.
	WebhookPings(ctx context.Context) (map[string]incidents.WebhookPing, error)
	// LastWebhook is when the last webhook of PagerDuty's was stored; zero when none was.
	LastWebhook(ctx context.Context) (time.Time, error)
}

// PingKeeper keeps them, for all bots of a database: a call may come to another bot than the one that has asked for it.
type PingKeeper interface {
	// ClaimWebhookPing says whether one along a subscription is due, and that it is this bot that asks for it, at sentAt. Next is when
	// there will be another.
	ClaimWebhookPing(ctx context.Context, subscription string, next time.Duration) (sentAt time.Time, due bool, err error)
	// JudgeWebhookPing notes how many in a row have not come, now that it is known of the one asked for at sentAt.
	JudgeWebhookPing(ctx context.Context, subscription string, sentAt time.Time, lost int, next time.Duration) error
}

// lostPings is how many test calls in a row have to be lost to be told. One may be: PagerDuty promises nothing of them.
const lostPings = 2

// listened notes what came of the test calls. Where PAGERDUTY_WEBHOOK_SECRETS is set, nobody sees along which subscription something
// came: then it counts for all.
func (s Subscriber) listened(ctx context.Context, list []Standing) error {
	if s.Pings == nil || len(list) == 0 {
		return nil
	}
	pings, err := s.Pings.WebhookPings(ctx)
	if err != nil {
		return err
	}
	var last time.Time
	if s.InSettings {
		if last, err = s.Pings.LastWebhook(ctx); err != nil {
			return err
		}
	}
	for i := range list {
		one := &list[i]
		one.heardAt, one.ping = later(one.CameAt, last), pings[one.ID]
	}
	return nil
}

// answered says whether something has come since the last test call was asked for.
func (s Standing) answered() bool { return s.heardAt.After(s.ping.SentAt) }

// unheard says that what PagerDuty sends along a subscription does not come, though PagerDuty says nothing of it.
func (s Subscriber) unheard(one Standing) string {
	if one.ping.Lost < lostPings || one.answered() {
		return ""
	}
	return fmt.Sprintf("PagerDuty's last test calls along subscription %s (%s) did not arrive at %s: see whether DNS, firewall and proxy let PagerDuty reach it; snapback doctor tries it at once",
		one.ID, one.Scope(), s.URL)
}

// ping has PagerDuty make a test call along each subscription that is well and along which nothing has come for long, and counts in list
// those that did not come. A call for which nobody has waited, since no bot ran, says nothing: that is when awaited is false.
func (w *Watch) ping(ctx context.Context, list []Standing, awaited bool) (failed error) {
	for i := range list {
		if one := &list[i]; w.Subscriber.stands(*one) == "" && !one.unfinished() {
			err := w.judge(ctx, one, awaited)
			if err == nil && !one.ping.Waiting && time.Since(one.heardAt) > w.PingEvery {
				err = w.call(ctx, *one)
			}
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// judge says what became of the last test call.
func (w *Watch) judge(ctx context.Context, one *Standing, awaited bool) error {
	note := func(next time.Duration) error {
		one.ping.Waiting = false
		return w.Looks.JudgeWebhookPing(ctx, one.ID, one.ping.SentAt, one.ping.Lost, next)
	}
	switch {
	case one.answered() && (one.ping.Waiting || one.ping.Lost > 0):
		one.ping.Lost = 0
		return note(w.nextPing())
	case !one.ping.Waiting:
		return nil
	case !awaited:
		return note(0)
	case one.ping.Age <= w.PingPatience:
		return nil
	}
	one.ping.Lost++
	if one.ping.Lost < lostPings {
		return note(w.nextPing() / 6)
	}
	return note(w.nextPing())
}

// call asks for a test call if one is due. Where PagerDuty makes none, none is lost.
func (w *Watch) call(ctx context.Context, one Standing) error {
	next := w.nextPing()
	sentAt, due, err := w.Looks.ClaimWebhookPing(ctx, one.ID, next)
	if err != nil || !due {
		return err
	}
	if err := w.Subscriber.Client.PingSubscription(ctx, one.ID); err != nil {
		return errors.Join(err, w.Looks.JudgeWebhookPing(context.WithoutCancel(ctx), one.ID, sentAt, one.ping.Lost, next))
	}
	return nil
}

// nextPing is PingEvery, and up to a tenth more or less: not everybody's calls are to come at once.
func (w *Watch) nextPing() time.Duration {
	return w.PingEvery - w.PingEvery/10 + rand.N(w.PingEvery/5+1)
}
