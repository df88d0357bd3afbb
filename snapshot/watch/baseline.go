package watch

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// restartedFactor is how many times longer a container must stay up that the engine had to restart.
const restartedFactor = 10

// jitter is a share of most. It is the same for the same name on every bot, and spreads what would otherwise be done at one
// moment.
func jitter(name string, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return time.Duration(h.Sum64() % uint64(most))
}

// goodFrom is from when on a container counts as good that has been up and healthy since the given moment.
func (w *Watcher) goodFrom(id string, since time.Time) time.Time {
	return since.Add(w.BaselineAfter + jitter(id, min(w.BaselineAfter/4, 15*time.Second)))
}

// routine begins what is due: baselines of containers that have proved good, and schedules. Baselines come first: one is due once,
// and a schedule of every few seconds may be due always. Of the schedules, the one comes first that has waited for the longest.
func (w *Watcher) routine(context.Context) {
	if !w.leads() {
		return
	}
	w.mu.Lock()
	identities := w.identities
	w.mu.Unlock()
	now := time.Now()
	var ticks []dueTick
	for _, p := range identities {
		if p.ContainerID != p.Now.ID {
			continue // a deploy that has not been dealt with yet
		}
		if w.baselineDue(p, now) {
			w.queueSpare(p.Now, func(ctx, patience context.Context) error { return w.baseline(ctx, patience, p.Now) })
		} else if tick, due := w.tickDue(p, now); due {
			ticks = append(ticks, tick)
		}
	}
	slices.SortStableFunc(ticks, func(a, b dueTick) int { return a.since().Compare(b.since()) })
	for _, t := range ticks {
		w.queueSpare(t.Now, func(ctx, patience context.Context) error { return w.scheduled(ctx, patience, t) })
	}
}

func (w *Watcher) baselineDue(p watched, now time.Time) bool {
	if p.Baseline == p.ContainerID || p.Now.State != "running" {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return !now.Before(w.due[p.ContainerID])
}

func (w *Watcher) postpone(id string, to time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due[id] = to
}

// baseline takes the good state of a container, unless another bot has.
func (w *Watcher) baseline(ctx, patience context.Context, s snapshot.Observation) error {
	list, err := w.Store.Snapshots(ctx, s.Key)
	if err != nil {
		return err
	}
	for _, snap := range list {
		has := snap.Reason == snapshot.Baseline && snap.ContainerID == s.ID && snap.MissingSince.IsZero()
		if has && (!snap.Spiked || w.spikes(ctx, s.Key, time.Now())) {
			w.postpone(s.ID, time.Now().Add(w.Every)) // the next look will know
			w.lookSoon()
			return nil
		}
	}
	now, err := w.inspect(ctx, s.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil
	}
	if err != nil || now.Key != s.Key {
		return err
	}
	if again, ok := w.provedGood(now); !ok {
		w.postpone(s.ID, again)
		return nil
	}
	return w.takeBaseline(ctx, patience, now)
}

func (w *Watcher) takeBaseline(ctx, patience context.Context, now snapshot.Inspection) error {
	w.postpone(now.ID, time.Now().Add(w.nextTry(now.ID))) // the next try, should this one fail; each waits longer than the one before
	_, err := w.Taker.Take(ctx, now.Container, snapshot.TakeRequest{
		Reason: snapshot.Baseline, Patience: patience, By: w.self("up and healthy for " + w.BaselineAfter.String()),
	})
	if err != nil {
		return fmt.Errorf("taking the baseline of %s: %w", now.Name, err)
	}
	w.baselineTaken(now.ID)
	w.lookSoon()
	return w.removeSurplus(ctx, now.Container) // older baselines, but for those that somebody still needs
}

// longestWait is how long a baseline that can't be taken waits at most for the next try.
const longestWait = time.Hour

func (w *Watcher) nextTry(id string) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := min(max(w.Every, 2*w.waits[id]), longestWait)
	w.waits[id] = wait
	return wait
}

func (w *Watcher) baselineTaken(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waits, id)
}

func (w *Watcher) self(why string) snapshot.By {
	return snapshot.By{Actor: incidents.Self(), Reason: why, Source: incidents.Source{System: "snapback"}}
}

// provedGood says whether a container has been up and healthy for long enough, and if not, when to look again. One that the
// engine had to restart may be crashing again and again, slowly.
func (w *Watcher) provedGood(now snapshot.Inspection) (again time.Time, ok bool) {
	need := w.BaselineAfter
	if now.Restarts > 0 {
		need *= restartedFactor
	}
	well := now.State == "running" && (!now.HasCheck || now.Health == "healthy")
	if !well || now.StartedAt.IsZero() {
		return time.Now().Add(w.BaselineAfter), false
	}
	if now.Up < need {
		return time.Now().Add(need - now.Up + jitter(now.ID, min(w.BaselineAfter/4, 15*time.Second))), false
	}
	return time.Time{}, true
}
