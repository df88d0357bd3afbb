package watch

import (
	"context"
	"errors"
	"fmt"
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

// tickDue says whether a scheduled snapshot has to be taken now, and for which tick.
func (w *Watcher) tickDue(p watched, now time.Time) (time.Time, bool) {
	if p.Now.Schedule == "" {
		return time.Time{}, false
	}
	since := p.SeenAt
	if p.LastTick.After(since) {
		since = p.LastTick
	}
	tick, next, err := LastDue(p.Now.Schedule, since.In(w.Zone), now.In(w.Zone))
	if err != nil || tick.IsZero() { // a label that makes no sense is reported elsewhere: see Settings.Wrong
		return tick, false
	}
	return tick, !now.Before(TakenFrom(p.Key, tick, next, w.Jitter))
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
func (w *Watcher) scheduled(ctx, patience context.Context, p watched, tick time.Time) error {
	last, err := w.Store.LastTick(ctx, tickName(p.Key))
	if err != nil {
		return err
	}
	if !last.Before(tick) {
		w.lookSoon() // so that this bot learns of it
		return nil
	}
	list, err := w.Store.Snapshots(ctx, p.Key)
	if err != nil {
		return err
	}
	if !takenSince(list, tick) {
		err = w.takeScheduled(ctx, patience, p)
	}
	if err != nil && (ctx.Err() != nil || snapshot.Retryable(err) || errors.Is(err, snapshot.ErrCommitsBusy)) {
		return err
	}
	_, noted := w.Store.Once(ctx, tickName(p.Key), tick)
	w.lookSoon()
	return errors.Join(err, noted) // a lasting error must not be met again until the next tick
}

func takenSince(list []snapshot.Snapshot, tick time.Time) bool {
	for _, s := range list {
		if s.Reason == snapshot.Scheduled && !s.CreatedAt.Before(tick) {
			return true
		}
	}
	return false
}

// takeScheduled also refreshes the baseline, if the container is good: from then on it holds what was written until now. A
// deploy that is waiting gets the one that there is.
func (w *Watcher) takeScheduled(ctx, patience context.Context, p watched) error {
	now, err := w.inspect(ctx, p.Now.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil
	}
	if err != nil {
		return err
	}
	taken, err := w.Taker.Take(ctx, now.Container, snapshot.TakeRequest{Reason: snapshot.Scheduled, Patience: patience, By: w.self("schedule " + p.Now.Schedule)})
	if err != nil {
		return fmt.Errorf("taking the scheduled snapshot of %s: %w", now.Name, err)
	}
	if _, ok := w.provedGood(now); ok && patience.Err() == nil {
		name := snapshot.DefaultName(snapshot.Baseline, time.Now().In(w.Zone))
		if _, err := w.Taker.Copy(ctx, taken, snapshot.TakeRequest{Name: name, Reason: snapshot.Baseline, By: w.self("refreshed by its schedule")}); err != nil {
			return fmt.Errorf("refreshing the baseline of %s: %w", now.Name, err)
		}
	}
	return w.removeSurplus(ctx, now.Container)
}
