package pagerduty

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snapback/snapback/incidents"
)

// Looks keeps what was found at the last look, for all bots of a database.
type Looks interface {
	// ClaimWebhookLook says whether a look at what calls url is due, and that it is this bot that makes it.
	ClaimWebhookLook(ctx context.Context, url string, every time.Duration) (due bool, err error)
	// WebhookLook is the last look. It is fresh if it is no older than that.
	WebhookLook(ctx context.Context, url string, fresh time.Duration) (incidents.WebhookLook, error)
	// SaveWebhookLook notes what a look has just found: why alerts don't come, if that is to be told, and whether they do.
	SaveWebhookLook(ctx context.Context, url, trouble string, well bool) error
	// RecordOnce appends an entry, unless there is one of its kind from its source.
	RecordOnce(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
	PingKeeper
}

// Watch looks every few minutes whether PagerDuty's alerts reach the bot, and says so once when they don't, and once when they do again:
// nobody hears an alert that does not come. When they come again, it fetches what was missed. It sees whether PagerDuty would send them, and
// where nothing has come for an hour, it has PagerDuty make a test call.
type Watch struct {
	WatchConfig

	known atomic.Int32 // what the last look found: see Hears
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// WatchConfig is what a Watch needs.
type WatchConfig struct {
	Subscriber Subscriber
	Looks      Looks
	Backfill   Backfill // its Scopes are filled in
	Logger     *slog.Logger
	Every      time.Duration // zero: three minutes
	Tick       time.Duration // how often this bot asks whether it is its turn; zero: a fifth of Every

	PingEvery    time.Duration // after how long without a webhook a test call is made along a subscription; zero: an hour
	PingPatience time.Duration // how long a test call may take; zero: two minutes
}

// NewWatch looks at nothing yet.
func NewWatch(c WatchConfig) *Watch {
	if c.Every == 0 {
		c.Every = 3 * time.Minute
	}
	if c.Tick == 0 {
		c.Tick = c.Every / 5
	}
	c.PingEvery = cmp.Or(c.PingEvery, time.Hour)
	c.PingPatience = cmp.Or(c.PingPatience, 2*time.Minute)
	return &Watch{WatchConfig: c}
}

// Start looks now and then, until Stop.
func (w *Watch) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	w.done.Go(func() {
		tick := time.NewTicker(w.Tick)
		defer tick.Stop()
		said := ""
		for {
			err := w.turn(ctx)
			if err != nil && ctx.Err() == nil && err.Error() != said {
				w.Logger.Warn("looking whether PagerDuty's alerts reach the bot", "err", err)
			}
			said = fmt.Sprint(err)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// Stop ends that, and waits.
func (w *Watch) Stop(context.Context) error {
	w.stop()
	w.done.Wait()
	return nil
}

// Hears says whether alerts reach the bot as far as the last look of any bot tells. Known is false before there was one, and while
// PagerDuty does not say.
func (w *Watch) Hears() (hears, known bool) {
	n := w.known.Load()
	return n > 0, n != 0
}

// errTokenRefused takes the place of what PagerDuty says: that may change from look to look, and each would be told.
var errTokenRefused = errors.New("PagerDuty refuses PAGERDUTY_API_TOKEN (401), so that nobody sees whether they do, and nothing can be acknowledged there: set one that is valid")

const (
	deaf  = -1
	hears = 1
)

// turn looks when it is this bot's turn. Otherwise it takes note of what another one has found.
func (w *Watch) turn(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	due, err := w.Looks.ClaimWebhookLook(limited, w.Subscriber.URL, w.Every)
	if err != nil {
		return err
	}
	was, err := w.Looks.WebhookLook(limited, w.Subscriber.URL, 2*w.Every)
	if err != nil {
		return err
	}
	if !due {
		w.note(was.Trouble, was.Fresh)
		return nil
	}
	list, err := w.Subscriber.Standings(limited)
	switch {
	case hasReason(err, ReasonUnauthorized): // it stays so until somebody does something
		return w.found(ctx, was, nil, errTokenRefused)
	case err != nil: // one that may not list subscriptions may be all that is needed otherwise
		w.note("", false)
		return err
	}
	err = w.ping(limited, list, was.Fresh)
	return errors.Join(err, w.found(ctx, was, list, w.Subscriber.Verdict(list)))
}

func (w *Watch) note(trouble string, known bool) {
	switch {
	case !known:
		w.known.Store(0)
	case trouble != "":
		w.known.Store(deaf)
	default:
		w.known.Store(hears)
	}
}

// found tells of a change. It is told before it is saved: a bot that dies in between tells it again, and that counts once.
func (w *Watch) found(ctx context.Context, was incidents.WebhookLook, list []Standing, verdict error) error {
	trouble := ""
	if verdict != nil && !(was.Elsewhere && errors.Is(verdict, ErrNoSubscription)) { // who is forgiven vouches for nobody
		trouble = verdict.Error()
	}
	w.note(trouble, true)
	again := ""
	if trouble == "" && was.Trouble != "" {
		again = "PagerDuty's alerts reach this bot again. "
		if was.Trouble == errTokenRefused.Error() {
			again = "PagerDuty takes PAGERDUTY_API_TOKEN again, and its alerts reach this bot. "
		}
		again += w.fetch(ctx, was, list)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var err error
	switch {
	case trouble == was.Trouble:
	case trouble == "":
		err = w.tell(ctx, was, incidents.KindPagerDutyHeard, was.Trouble, again)
	default:
		w.Logger.Error("PagerDuty's alerts don't reach the bot", "why", trouble)
		err = w.tell(ctx, was, incidents.KindPagerDutyDeaf, trouble, sentenceOf(verdict))
	}
	if err != nil {
		return err
	}
	return w.Looks.SaveWebhookLook(ctx, w.Subscriber.URL, trouble, verdict == nil)
}

func sentenceOf(trouble error) string {
	if errors.Is(trouble, errTokenRefused) {
		return "PagerDuty's alerts may not reach this bot: " + trouble.Error()
	}
	return "PagerDuty's alerts don't reach this bot: " + trouble.Error()
}

// tell names the change by what it is about, and the last moment before it, which stays the same when it is told again.
func (w *Watch) tell(ctx context.Context, was incidents.WebhookLook, kind incidents.Kind, about, summary string) error {
	sum := sha256.Sum256([]byte(about))
	_, err := w.Looks.RecordOnce(ctx, incidents.Entry{
		Kind: kind, Actor: incidents.Self(), Summary: summary,
		Source: incidents.Source{System: "snapback", NativeID: fmt.Sprintf("webhook/%x/%d", sum[:8], was.WellAt.UnixMicro())},
	})
	return err
}

// waited is how long PagerDuty tries to deliver an event: so much of what was before may have been dropped as well.
const waited = 48 * time.Hour

// fetch gets what was missed, and says so. It is given up before another bot would begin with it.
func (w *Watch) fetch(ctx context.Context, was incidents.WebhookLook, list []Standing) string {
	ctx, cancel := context.WithTimeout(ctx, max(w.Every*2/3, 10*time.Second))
	defer cancel()
	since := was.Since // a bot that nothing called before is not told of the days before it was there
	if !was.WellAt.IsZero() {
		since = later(since, was.WellAt.Add(-waited))
	}
	b := w.Backfill
	b.Scopes = Scopes(list)
	fetched, err := b.Since(ctx, since)
	switch {
	case err != nil:
		w.Logger.Error("fetching what PagerDuty's webhooks did not bring", "err", err)
		return "What was missed could not be fetched: look at PagerDuty, and run snapback pagerduty enable, which tries again"
	case fetched.Events == 0:
		return "Nothing was missed"
	}
	return "Fetched what was missed: " + fetched.String()
}
