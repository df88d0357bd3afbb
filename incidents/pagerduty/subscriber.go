package pagerduty

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
)

// What a Subscriber finds.
var (
	ErrNoSubscription = errors.New("no webhook subscription in PagerDuty calls this bot")
	ErrNotOurs        = errors.New("a webhook subscription calls this bot already, and its secret is not in the database")
	ErrPingLost       = errors.New("PagerDuty's test call did not come through")
)

// SecretKeeper keeps the secrets of subscriptions where a running bot finds them.
type SecretKeeper interface {
	KeepWebhookSecret(ctx context.Context, s incidents.WebhookSecret) error
	ForgetWebhookSecret(ctx context.Context, subscription string) error
	// WebhookSecrets are all of them. What can't be read is told of in the error, which comes beside the others.
	WebhookSecrets(ctx context.Context) ([]incidents.WebhookSecret, error)
}

// Scope is whose alerts a subscription brings. The zero value: the whole account's.
type Scope struct{ Service, Team string }

func (s Scope) filter() (kind, id string) {
	switch {
	case s.Service != "":
		return "service_reference", s.Service
	case s.Team != "":
		return "team_reference", s.Team
	}
	return "account_reference", ""
}

// Scope is whose alerts s brings.
func (s Subscription) Scope() Scope {
	switch s.FilterType {
	case "service_reference":
		return Scope{Service: s.FilterID}
	case "team_reference":
		return Scope{Team: s.FilterID}
	}
	return Scope{}
}

// String is for people.
func (s Scope) String() string {
	switch {
	case s.Service != "":
		return "service " + s.Service
	case s.Team != "":
		return "team " + s.Team
	}
	return "the whole account"
}

// HalfMade says whether the program has made s, and it is switched off: it is switched on last.
func (s Subscription) HalfMade() bool { return !s.Active && s.Description == madeBy }

// unfinished says that a subscription is being made right now, or was left behind by that: it is switched on last.
func (s Standing) unfinished() bool {
	return s.HalfMade() && (!s.Kept || s.CameAt.IsZero())
}

// Subscriber looks after the webhook subscriptions that call one bot.
type Subscriber struct {
	Client  *Client
	Secrets SecretKeeper
	Pings   PingReader // nil: nothing is known of test calls
	URL     string     // of the webhook

	// InSettings says that PAGERDUTY_WEBHOOK_SECRETS is set: a subscription whose secret is not kept may be known all the same.
	InSettings bool
	// Patience is how long a test call may take. Zero: 20 s.
	Patience time.Duration
	Logger   *slog.Logger // nil: nothing is logged
}

// Standing is a subscription that calls this bot, and what is known of it here.
type Standing struct {
	Subscription
	Kept   bool      // its secret is in the database
	CameAt time.Time // when something last came that its secret has signed; zero: never, or it is not kept

	heardAt time.Time             // when something last came that may have come along it; zero: never, as far as is known
	ping    incidents.WebhookPing // the last one that a bot has asked for by itself
}

// Standings are the subscriptions that call this bot.
func (s Subscriber) Standings(ctx context.Context) ([]Standing, error) {
	list, err := s.Client.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	kept, lost := s.Secrets.WebhookSecrets(ctx)
	if lost != nil && kept == nil {
		return nil, lost
	}
	if lost != nil && s.Logger != nil { // what it was of counts as not kept: rotate mends it
		s.Logger.Error("reading the webhook secrets", "err", lost)
	}
	var out []Standing
	for _, sub := range list {
		if sub.URL != s.URL {
			continue
		}
		i := slices.IndexFunc(kept, func(k incidents.WebhookSecret) bool { return k.Subscription == sub.ID })
		if i < 0 {
			out = append(out, Standing{Subscription: sub})
			continue
		}
		out = append(out, Standing{Subscription: sub, Kept: true, CameAt: kept[i].CameAt})
	}
	return out, s.listened(ctx, out)
}

// Trouble says why alerts don't come along a subscription, and what to do; "" when nothing is wrong as far as is known.
func (s Subscriber) Trouble(one Standing) string {
	if why := s.stands(one); why != "" {
		return why
	}
	return s.unheard(one)
}

// stands is what is wrong with a subscription as it stands in PagerDuty.
func (s Subscriber) stands(one Standing) string {
	switch {
	case one.Disabled:
		return fmt.Sprintf("PagerDuty has disabled subscription %s (%s), since its calls were refused: snapback pagerduty enable mends it, and fetches what was missed", one.ID, one.Scope())
	case !one.Active:
		return fmt.Sprintf("subscription %s (%s) is switched off in PagerDuty: snapback pagerduty enable switches it on", one.ID, one.Scope())
	case !slices.Contains(one.Events, incidents.KindPagerDutyTriggered):
		return fmt.Sprintf("subscription %s (%s) does not send %s: snapback pagerduty rotate puts one in its place that does", one.ID, one.Scope(), incidents.KindPagerDutyTriggered)
	case !one.Kept && !s.InSettings:
		return fmt.Sprintf("this bot does not know the secret of subscription %s (%s), and refuses what it sends: snapback pagerduty rotate puts one in its place whose secret it knows", one.ID, one.Scope())
	}
	return ""
}

// Events are what the bot makes something of.
func Events() []incidents.Kind {
	return []incidents.Kind{
		incidents.KindPagerDutyTriggered, incidents.KindPagerDutyAcked, incidents.KindPagerDutyUnacked, incidents.KindPagerDutyResolved,
		incidents.KindPagerDutyReopened, incidents.KindPagerDutyEscalated, incidents.KindPagerDutyReassigned, incidents.KindPagerDutyDelegated,
		incidents.KindPagerDutyPriority, incidents.KindPagerDutyNoted, incidents.KindPagerDutyStatusUpdate,
		incidents.KindPagerDutyResponderAdded, incidents.KindPagerDutyResponderAnswer, incidents.KindPagerDutyServiceUpdated,
	}
}

// madeBy is how this program knows what it has made.
const madeBy = "Snapback"

// Subscribe sees to it that a subscription for scope calls this bot, whose secret is kept. One that is there already is
// switched on and enabled where need be. It returns ErrNotOurs when one calls whose secret is unknown here.
func (s Subscriber) Subscribe(ctx context.Context, scope Scope) (Standing, error) {
	list, err := s.Standings(ctx)
	if err != nil {
		return Standing{}, err
	}
	for _, one := range list {
		switch {
		case one.Scope() != scope:
		case one.Kept:
			return one, s.wake(ctx, one)
		case one.HalfMade(): // left behind between the two steps of create
			if err := s.Client.DeleteSubscription(ctx, one.ID); err != nil {
				return one, err
			}
		default:
			return one, fmt.Errorf("%w: subscription %s, for %s", ErrNotOurs, one.ID, scope)
		}
	}
	return s.create(ctx, scope)
}

// wake makes PagerDuty send along a subscription.
func (s Subscriber) wake(ctx context.Context, one Standing) error {
	if !one.Active {
		if err := s.Client.ActivateSubscription(ctx, one.ID); err != nil {
			return err
		}
	}
	if one.Disabled {
		return s.Client.EnableSubscription(ctx, one.ID)
	}
	return nil
}

// create makes a subscription that is switched off, keeps its secret, and switches it on: an alert that came before would be
// refused, and three of these disable a subscription for a day.
func (s Subscriber) create(ctx context.Context, scope Scope) (Standing, error) {
	kind, id := scope.filter()
	made, secret, err := s.Client.CreateSubscription(ctx, Subscription{Description: madeBy, URL: s.URL, Events: Events(), FilterType: kind, FilterID: id})
	if err != nil {
		return Standing{}, err
	}
	if secret == "" {
		err = &Error{Op: "creating a webhook subscription", Reason: ReasonMalformed, Err: errors.New("the answer has no secret")}
	} else {
		err = s.Secrets.KeepWebhookSecret(ctx, incidents.WebhookSecret{Subscription: made.ID, URL: s.URL, Secret: secret})
	}
	if err == nil && !made.Active {
		err = s.Client.ActivateSubscription(ctx, made.ID)
	}
	if err != nil {
		return Standing{}, errors.Join(err, s.remove(context.WithoutCancel(ctx), made.ID))
	}
	made.Active = true
	return Standing{Subscription: made, Kept: true}, nil
}

// remove ends a subscription, and then its secret.
func (s Subscriber) remove(ctx context.Context, id string) error {
	if err := s.Client.DeleteSubscription(ctx, id); err != nil {
		return err
	}
	return s.Secrets.ForgetWebhookSecret(ctx, id)
}

// Try has PagerDuty send its test event along a subscription whose secret is kept, and waits until the bot has taken it. It returns
// ErrPingLost when none came.
func (s Subscriber) Try(ctx context.Context, id string) error {
	before, err := s.came(ctx, id)
	if err != nil {
		return err
	}
	if err := s.Client.PingSubscription(ctx, id); err != nil {
		return err
	}
	patience := cmp.Or(s.Patience, 20*time.Second)
	over := time.NewTimer(patience)
	defer over.Stop()
	for {
		now, err := s.came(ctx, id)
		if err != nil || now.After(before) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over.C:
			return fmt.Errorf("%w within %s: does the bot run, and can PagerDuty reach %s?", ErrPingLost, patience, s.URL)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// came is when something last came that a subscription's secret has signed.
func (s Subscriber) came(ctx context.Context, id string) (time.Time, error) {
	kept, lost := s.Secrets.WebhookSecrets(ctx)
	for _, k := range kept {
		if k.Subscription == id {
			return k.CameAt, nil
		}
	}
	return time.Time{}, errors.Join(fmt.Errorf("the secret of subscription %s is not in the database", id), lost)
}

// Enable makes PagerDuty send again along all subscriptions that call this bot. It returns those that were asleep.
func (s Subscriber) Enable(ctx context.Context) (woken []Standing, err error) {
	list, err := s.Standings(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w at %s: snapback pagerduty subscribe makes one", ErrNoSubscription, s.URL)
	}
	for _, one := range list {
		if one.Active && !one.Disabled {
			continue
		}
		if err := s.wake(ctx, one); err != nil {
			return woken, err
		}
		woken = append(woken, one)
	}
	return woken, nil
}

// Rotate puts a new subscription, with a new secret, in the place of each that calls this bot. Both call until the new one has been
// tried; an event that comes along both counts once. When the trial fails, the new one goes, and the old one stays.
func (s Subscriber) Rotate(ctx context.Context) (made []Standing, err error) {
	list, err := s.Standings(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w at %s: snapback pagerduty subscribe makes one", ErrNoSubscription, s.URL)
	}
	var done []Scope
	for _, one := range list {
		if slices.Contains(done, one.Scope()) {
			continue
		}
		fresh, err := s.replace(ctx, one.Scope(), list)
		if err != nil {
			return made, err
		}
		done, made = append(done, one.Scope()), append(made, fresh)
	}
	return made, nil
}

func (s Subscriber) replace(ctx context.Context, scope Scope, old []Standing) (Standing, error) {
	fresh, err := s.create(ctx, scope)
	if err != nil {
		return fresh, err
	}
	if err := s.Try(ctx, fresh.ID); err != nil {
		return fresh, errors.Join(fmt.Errorf("the old subscription stays: %w", err), s.remove(context.WithoutCancel(ctx), fresh.ID))
	}
	for _, one := range old {
		if one.Scope() == scope {
			if err := s.remove(ctx, one.ID); err != nil {
				return fresh, err
			}
		}
	}
	return fresh, nil
}

// Scopes are those of all subscriptions.
func Scopes(list []Standing) (scopes []Scope) {
	for _, one := range list {
		scopes = append(scopes, one.Scope())
	}
	return scopes
}

// Verdict is why alerts don't reach this bot, and what to do, a line for each subscription that fails and that no other one of its
// scope, or of the account, makes up for. ErrNoSubscription when there is none. nil: all is well as far as is known.
func (s Subscriber) Verdict(list []Standing) error {
	list = slices.DeleteFunc(slices.Clone(list), Standing.unfinished)
	if len(list) == 0 {
		return fmt.Errorf("%w at %s: snapback pagerduty subscribe makes one", ErrNoSubscription, s.URL)
	}
	var well []Scope
	for _, one := range list {
		if s.Trouble(one) == "" {
			well = append(well, one.Scope())
		}
	}
	var deaf error
	for _, one := range list {
		if why := s.Trouble(one); why != "" && !slices.Contains(well, one.Scope()) && !slices.Contains(well, Scope{}) {
			deaf = errors.Join(deaf, errors.New(why))
		}
	}
	return deaf
}
