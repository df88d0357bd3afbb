package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Absences is where it is written down of which engines people were told that they are away, for all bots of a database.
type Absences interface {
	// TellAway writes down that an engine is away, with the entry. It does not if people were told that before, or if another bot
	// was heard of lately that reaches it.
	TellAway(ctx context.Context, a Absence, e incidents.Entry) error
	// TellBack writes down that an engine is there, with the entry if people were told that it is away, and since when.
	TellBack(ctx context.Context, a Absence, entry func(since time.Time) incidents.Entry) error
}

// Absence is an engine that is away, as one bot sees it. It is the same one as another bot's of the same engine, or at the same address.
type Absence struct {
	Presence
	Engine string    // its name; "": it was not reached since the bot's start
	Since  time.Time // when it did not answer first
}

// attendance is what a Registry knows of whether its engine answers.
type attendance struct {
	since  time.Time // of an engine that is away: when it did not answer first; zero: it answers
	logged bool      // the log has that it is away
	clear  bool      // nobody has been told that it is away, or that it is back as well
	asking snapshot.Refrain
	saying snapshot.Refrain
}

// attend asks the engine who it is, and tells people when it is away for a while. An engine that answers and can't be told apart, or
// that no database has a name for now, is not away.
func (r *Registry) attend(introduce, ping func(context.Context) error) {
	err := r.within(introduce)
	if r.ctx.Err() != nil {
		return
	}
	r.here.asking.Log(r.Logger, "asking the engine who it is", err)
	if err == nil {
		r.isBack(r.ctx)
	}
	silent := err
	if err != nil {
		r.here.clear = false // another bot may tell that it is away while nothing is heard of this one
		silent = r.within(ping)
	}
	switch {
	case r.ctx.Err() != nil:
	case silent == nil, errors.Is(silent, snapshot.ErrEngineDenied):
		r.here.since = time.Time{}
	default:
		r.isAway(r.ctx, silent)
	}
}

// Heard is for who asks an engine in the place of Start, which is not called then: it tells people that the engine is away when it has
// been for a while, and when it is back. Why is what came of asking; nil: it answers. It is for one goroutine.
func (r *Registry) Heard(ctx context.Context, why error) {
	if why != nil {
		r.isAway(ctx, why)
		return
	}
	r.isBack(ctx)
}

func (r *Registry) within(ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.Every)
	defer cancel()
	return ask(ctx)
}

func (r *Registry) isAway(ctx context.Context, why error) {
	if r.here.since.IsZero() {
		r.here.since = time.Now()
	}
	away := time.Since(r.here.since)
	if away < r.After {
		return
	}
	if !r.here.logged {
		r.Logger.Error("the engine is away", "for", away.Round(time.Second), "err", why)
	}
	r.here.logged, r.here.clear = true, false
	ctx, cancel := context.WithTimeout(ctx, tellIn)
	defer cancel()
	r.here.saying.Log(r.Logger, "telling that an engine is away", r.Store.TellAway(ctx, r.absence(), r.entry(
		incidents.KindEngineAway, r.here.since, "%s has not answered for %s%s. Until it does, nothing there can be restored or looked at", words(away), r.because(),
	)))
}

func (r *Registry) because() string {
	if r.Cause == "" {
		return ""
	}
	return ": " + r.Cause
}

// tellIn is how long the database may take to note that an engine is away or back: meanwhile the bot does not say that it is there.
const tellIn = 15 * time.Second

func (r *Registry) isBack(ctx context.Context) {
	if r.here.logged {
		r.Logger.Info("the engine is back")
	}
	r.here.since, r.here.logged = time.Time{}, false
	if r.here.clear {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellIn)
	defer cancel()
	err := r.Store.TellBack(ctx, r.absence(), func(since time.Time) incidents.Entry {
		return r.entry(incidents.KindEngineBack, since, "%s answers again, after %s", words(time.Since(since)))
	})
	r.here.saying.Log(r.Logger, "telling that an engine is back", err)
	r.here.clear = err == nil
}

func (r *Registry) absence() Absence {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Absence{Presence: r.Me, Engine: r.name, Since: r.here.since}
}

// entry is one about the engine, whose title stands first in the format.
func (r *Registry) entry(kind incidents.Kind, since time.Time, format string, args ...any) incidents.Entry {
	r.mu.Lock()
	title, host := "The container engine", r.host
	r.mu.Unlock()
	switch {
	case r.Title != "":
		title = r.Title
	case r.Me.Link != "":
		title = "The engine " + r.Me.Link
	case host != "":
		title += " on " + host
	}
	details, _ := incidents.Details(map[string]string{"engine": cmp.Or(r.Me.Link, host)}) // strings: always encodable
	return incidents.Entry{
		OccurredAt: time.Now(), Kind: kind, Actor: incidents.Self(),
		Source:  incidents.Source{System: "snapback", NativeID: fmt.Sprintf("engine/%s/%s/%d", r.Me.Bot, r.Me.Link, since.UnixMicro())},
		Summary: fmt.Sprintf(format, append([]any{title}, args...)...), Details: details,
	}
}

// words is a while for people, to the minute.
func words(d time.Duration) string {
	m := max(int(d.Round(time.Minute)/time.Minute), 1)
	if m == 1 {
		return "a minute"
	}
	if m < 120 {
		return fmt.Sprintf("%d minutes", m)
	}
	return fmt.Sprintf("%d hours", m/60)
}
