package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// seeEvery is how often it is noted that a container still runs well.
const seeEvery = 10 * time.Minute

// rulesFor are the rules of retention for one container.
func (w *Watcher) rulesFor(ctx context.Context, c snapshot.Container, referred map[int64]bool) (RetentionRules, error) {
	rules := w.plainRules(c, w.same)
	rules.Referred, rules.LongRun = referred, w.LongRun
	var err error
	if rules.Left, err = w.Store.LeftBehind(ctx, c.Key); err != nil || rules.Gone {
		return rules, err
	}
	now, err := w.Store.Occupant(ctx, c.Key)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return rules, nil
	}
	rules.Running = func(s snapshot.Snapshot) bool {
		return s.ContainerID == now.ID || w.equal(fmt.Sprintf("%d %s", s.ID, now.ID), s.Document, now.Document)
	}
	return rules, err
}

// same says whether two snapshots hold the same: the same image and settings, nothing written beside it, and no contents of
// volumes, which are of their moment. A state in which a container was unwell is none that a good one stands for.
func (w *Watcher) same(a, b snapshot.Snapshot) bool {
	return alike(a, b) && w.equal(pairName(a, b), a.Document, b.Document)
}

// maybeSame is same for who has no documents: true as well where the two were not compared yet.
func (w *Watcher) maybeSame(a, b snapshot.Snapshot) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	same, known := w.compared[pairName(a, b)]
	return alike(a, b) && (same || !known)
}

// alike says that two snapshots are of a kind of which one can stand for the other.
func alike(a, b snapshot.Snapshot) bool {
	return !a.Committed && !b.Committed && a.Volumes == nil && b.Volumes == nil && a.Unwell == b.Unwell && a.Spiked == b.Spiked
}

func pairName(a, b snapshot.Snapshot) string { return fmt.Sprintf("%d %d", a.ID, b.ID) }

// equal says whether nothing differs between two documents, and remembers it under a name: they never change.
func (w *Watcher) equal(name string, a, b json.RawMessage) bool {
	w.mu.Lock()
	known, there := w.compared[name]
	w.mu.Unlock()
	if there {
		return known
	}
	if len(a) == 0 || len(b) == 0 {
		return false // one that no key opens
	}
	changes, err := w.Engine.Changes(a, b)
	if err != nil {
		w.Logger.Warn("comparing two snapshots", "err", err)
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.compared) > 10_000 {
		clear(w.compared)
	}
	w.compared[name] = len(changes) == 0
	return len(changes) == 0
}

// seeAtLeast is how many containers are looked at in a row, where there are so many.
const seeAtLeast = 40

// seeWell notes of every container that has a baseline that it still runs well, so that its state is known for a good one. Hundreds take
// turns: to look at one takes several calls.
func (w *Watcher) seeWell(ctx context.Context, _ string) error {
	w.mu.Lock()
	identities := w.identities
	w.mu.Unlock()
	var errs error
	turn := max(seeAtLeast, 1+int(float64(len(identities))*w.TidyEvery.Seconds()/seeEvery.Seconds()))
	for _, p := range identities {
		if turn > 0 && p.Baseline == p.Now.ID && p.Now.State == "running" && w.toSee(p.Now.ID) {
			turn--
			errs = errors.Join(errs, w.seeOne(ctx, p.Now))
		}
	}
	return errs
}

// toSee says whether a container is to be looked at again, and that it is now.
func (w *Watcher) toSee(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.seen[id]) < min(seeEvery, w.LongRun/2) {
		return false
	}
	w.seen[id] = time.Now()
	return true
}

func (w *Watcher) seeOne(ctx context.Context, s snapshot.Observation) error {
	now, err := w.inspect(ctx, s.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, good := w.provedGood(now); !good {
		return nil
	}
	if !w.spikes(ctx, s.Key, time.Now()) {
		return w.Store.SeeWell(ctx, s.Key, s.ID, time.Now(), now.Up)
	}
	if now.Up >= w.LongRun {
		return nil // it has proved good before
	}
	return w.Store.MarkSpiked(ctx, s.Key, s.ID, w.LongRun)
}
