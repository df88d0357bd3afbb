package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// notes are what this bot knows of a restore and the journal does not.
type notes struct {
	waitsSince time.Time // since when its engine has not answered; zero: it answers
	notified   bool      // people have been told
	stuckActs  int       // how many acts in this state were not done in time, although the engine answered
	late       bool      // an act of this bot may have come late, and the journal does not know that yet
	reconciled int       // how often reconciling it has failed
	notBefore  time.Time // not to be reconciled before
}

// note changes what is known of a restore, and returns it as it is then.
func (r *Restorer) note(id int64, change func(*notes)) notes {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.known[id]
	if n == nil {
		n = &notes{}
		r.known[id] = n
	}
	change(n)
	return *n
}

// forget drops empty notes.
func (r *Restorer) forget(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.known[id]; n != nil && *n == (notes{}) {
		delete(r.known, id)
	}
}

// leave forgets that those waited for their engine which are not this bot's to take up now: another one is at them, or has ended them.
func (r *Restorer) leave(claimable []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, n := range r.known {
		if r.running[id] != nil || slices.Contains(claimable, id) {
			continue
		}
		if n.waitsSince, n.notified = (time.Time{}), false; *n == (notes{}) {
			delete(r.known, id)
		}
	}
}

// countStuck counts one more act that was not done in time.
func (r *Restorer) countStuck(id int64) int {
	return r.note(id, func(n *notes) { n.stuckActs++ }).stuckActs
}

// noteWaiting writes onto the timeline, once, that a restore waits for an engine that does not answer: somebody is looking at
// a message that does not change. Err is how the last try ended.
func (r *Restorer) noteWaiting(id int64, err error) {
	notify := false
	n := r.note(id, func(n *notes) {
		switch {
		case !errors.Is(err, snapshot.ErrEngineAway):
			n.waitsSince, n.notified = time.Time{}, false
		case n.waitsSince.IsZero():
			n.waitsSince = time.Now()
		case !n.notified && time.Since(n.waitsSince) >= r.NotifyAfter:
			n.notified, notify = true, true
		}
	})
	if notify {
		r.notifyWaiting(id, time.Since(n.waitsSince))
	}
}

// stillAway returns ErrEngineAway for a restore that waits for an engine which does not answer this bot yet. It may answer another bot:
// while this one does not claim the restore again, its lease runs out, and whoever reaches the engine goes on.
func (r *Restorer) stillAway(id int64) error {
	if r.note(id, func(*notes) {}).waitsSince.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.ctx, 5*time.Second)
	defer cancel()
	if err := r.Engine.Ping(ctx); errors.Is(err, snapshot.ErrEngineAway) {
		return err
	}
	return nil
}

func (r *Restorer) notifyWaiting(id int64, since time.Duration) {
	ctx, cancel := context.WithTimeout(r.ctx, 10*time.Second)
	defer cancel()
	rest, err := r.Journal.Restore(ctx, id)
	if err != nil || rest.State.Final() || r.Taker == nil {
		return
	}
	details, _ := incidents.Details(map[string]any{"restore_id": id, "container": rest.Container, "key": rest.Key, "state": rest.State}) // strings: always encodable
	_, err = r.Taker.Audit.Record(ctx, incidents.Entry{
		IncidentID: rest.By.Incident, OccurredAt: time.Now(), Kind: incidents.KindRestoreWaiting, Actor: incidents.Self(),
		Source:  incidents.Source{System: "snapback", NativeID: fmt.Sprintf("restore/%d/waiting", id)},
		Summary: fmt.Sprintf("The engine has not answered for %s: the restore of %s waits (%s), and goes on by itself when it does", since.Round(time.Second), rest.Container, rest.State),
		Details: details,
	})
	if err != nil {
		r.Logger.Warn("telling that a restore waits", "restore_id", id, "err", err)
	}
}
