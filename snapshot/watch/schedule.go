package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/snapback/snapback/snapshot"
)

// tickName is under which name the ticks of an identity are noted.
func tickName(key string) string { return "schedule " + key }

// LastDue is the latest tick of a schedule after since that is not after now; zero when there is none. However many
// ticks were missed, one is taken. Next is the tick after it.
func LastDue(spec string, since, now time.Time) (tick, next time.Time, err error) {
	schedule, err := parseSchedule(spec)
	if err != nil {
		return tick, next, fmt.Errorf("reading the schedule %q: %w", spec, err)
	}
	if every, ok := schedule.(cron.ConstantDelaySchedule); ok && now.Sub(since) > every.Delay {
		since = since.Add((now.Sub(since)/every.Delay - 1) * every.Delay)
	}
	next = schedule.Next(since)
	for !next.IsZero() && !next.After(now) {
		tick, next = next, schedule.Next(next)
	}
	return tick, next, nil
}

// dueTick is a tick of a schedule whose snapshot is to be taken.
type dueTick struct {
	watched
	at   time.Time
	next time.Time // the tick after it
}

// since is when the schedule was served last.
func (t dueTick) since() time.Time {
	if t.LastTick.IsZero() {
		return t.SeenAt
	}
	return t.LastTick
}

// tickDue says whether a scheduled snapshot has to be taken now, and for which tick.
func (w *Watcher) tickDue(p watched, now time.Time) (dueTick, bool) {
	if p.Now.Schedule == "" {
		return dueTick{}, false
	}
	since := p.SeenAt
	if p.LastTick.After(since) {
		since = p.LastTick
	}
	tick, next, err := LastDue(p.Now.Schedule, since.In(w.Zone), now.In(w.Zone))
	if err != nil || tick.IsZero() { // a label that makes no sense is reported elsewhere: see Settings.Wrong
		return dueTick{}, false
	}
	return dueTick{p, tick, next}, !now.Before(TakenFrom(p.Key, tick, next, w.Jitter)) && !now.Before(w.notBefore(p.Key, tick))
}

// TakenFrom is from when on an identity's snapshot for a tick is taken: less than most after it, and less than a tenth of
// the time to the next one. It is always the same, and another for most other identities, so that those of one schedule
// don't all commit at once.
func TakenFrom(key string, tick, next time.Time, most time.Duration) time.Time {
	return tick.Add(jitter(key, min(most, next.Sub(tick)/10)))
}

// beginSchedule notes from when on the ticks of a new schedule count: from the container's creation. Earlier ones were not
// missed.
func (w *Watcher) beginSchedule(ctx context.Context, before snapshot.Occupant, now snapshot.Inspection) error {
	if now.Settings.Schedule == "" || now.Settings.Schedule == before.Settings.Schedule {
		return nil
	}
	_, err := w.Store.Once(ctx, tickName(now.Key), now.CreatedAt)
	return err
}

// scheduled takes the snapshot for a tick, unless another bot has, or this one had before it died.
func (w *Watcher) scheduled(ctx, patience context.Context, t dueTick) error {
	last, err := w.Store.LastTick(ctx, tickName(t.Key))
	if err != nil {
		return err
	}
	if !last.Before(t.at) {
		w.lookSoon() // so that this bot learns of it
		return nil
	}
	err = w.takeScheduled(ctx, patience, t)
	if err != nil && (ctx.Err() != nil || snapshot.Retryable(err) || errors.Is(err, snapshot.ErrCommitsBusy)) {
		return err
	}
	if err != nil && w.failed(t, err) {
		return nil
	}
	_, noted := w.Store.Once(ctx, tickName(t.Key), t.at)
	w.forgetFailure(t.Key)
	w.lookSoon()
	return errors.Join(err, noted) // a lasting error must not be met again until the next tick
}

// takenSince is what was taken for a tick; false when nothing was.
func takenSince(list []snapshot.Snapshot, tick time.Time) (snapshot.Snapshot, bool) {
	for _, s := range list {
		if s.Reason == snapshot.Scheduled && !s.CreatedAt.Before(tick) {
			return s, true
		}
	}
	return snapshot.Snapshot{}, false
}

// takeScheduled also refreshes the baseline, if the container is good: from then on it holds what was written until now. A
// deploy that is waiting gets the one that there is. What an earlier try has done is not done again.
func (w *Watcher) takeScheduled(ctx, patience context.Context, t dueTick) error {
	now, err := w.inspect(ctx, t.Now.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := w.Store.Snapshots(ctx, t.Key)
	if err != nil {
		return err
	}
	taken, there := takenSince(list, t.at)
	if !there {
		taken, err = w.Taker.Take(ctx, now.Container, snapshot.TakeRequest{Reason: snapshot.Scheduled, Patience: patience, By: w.self("schedule " + t.Now.Schedule)})
	}
	if err != nil {
		return fmt.Errorf("taking the scheduled snapshot of %s: %w", now.Name, err)
	}
	if _, ok := w.provedGood(now); ok && patience.Err() == nil && taken.ContainerID == now.ID && !refreshed(list, taken) {
		name := snapshot.DefaultName(snapshot.Baseline, time.Now().In(w.Zone))
		if _, err := w.Taker.Copy(ctx, taken, snapshot.TakeRequest{Name: name, Reason: snapshot.Baseline, By: w.self("refreshed by its schedule")}); err != nil {
			return fmt.Errorf("refreshing the baseline of %s: %w", now.Name, err)
		}
	}
	return w.removeSurplus(ctx, now.Container)
}

// refreshed says that there is a baseline which is as new as what was taken.
func refreshed(list []snapshot.Snapshot, taken snapshot.Snapshot) bool {
	return slices.ContainsFunc(list, func(s snapshot.Snapshot) bool {
		return s.Reason == snapshot.Baseline && s.MissingSince.IsZero() && !s.CreatedAt.Before(taken.CreatedAt)
	})
}

// tickTries is how often a tick's snapshot is tried, ever less often, before it is given up until the next one.
const tickTries = 5

// failure is a tick whose snapshot could not be taken yet.
type failure struct {
	tick  time.Time
	tries int
	again time.Time
}

// notBefore is when a tick's snapshot may be tried; zero: at any time.
func (w *Watcher) notBefore(key string, tick time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.failures[key]; f.tick.Equal(tick) {
		return f.again
	}
	return time.Time{}
}

// failed says whether a tick's snapshot is tried again, after minutes. That is logged the first time. It is not where the next tick comes first.
func (w *Watcher) failed(t dueTick, err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.failures[t.Key]
	if !f.tick.Equal(t.at) {
		f = failure{tick: t.at}
	}
	wait := w.TickAgain << f.tries
	f.tries++
	f.again = time.Now().Add(wait)
	w.failures[t.Key] = f
	if f.tries == tickTries || !f.again.Before(t.next) {
		return false
	}
	if f.tries == 1 {
		w.Logger.Warn("a scheduled snapshot is tried again", "container", t.Now.Name, "in", wait, "tries", tickTries-1, "err", err)
	}
	return true
}

func (w *Watcher) forgetFailure(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.failures, key)
}
