package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// look compares what the engine shows with what was last seen, and sets to work where they differ.
func (w *Watcher) look(ctx context.Context) error {
	to := w.lastEvent()
	engine, err := w.Engine.ID(ctx)
	if err != nil {
		return err
	}
	seen, err := w.Engine.Glance(ctx)
	if err != nil {
		return err
	}
	places, err := w.Store.Places(ctx, engine)
	if err != nil {
		return err
	}
	// What other bots are for is looked at too: what nobody may touch here is not gone.
	now := holders(seen, places)
	if err := w.notePresent(ctx, engine, now, places); err != nil {
		return err
	}
	w.compare(now, places)
	if to.IsZero() {
		return nil
	}
	return w.Store.SeeEvents(ctx, engine, to)
}

// holders says who has each seat. While a deploy is under way there may be two: the one that runs has it, and of two that
// run, or don't, the newer one.
func holders(seen []snapshot.Sighting, places []snapshot.Place) map[string]snapshot.Sighting {
	seats := map[string]string{}
	for _, p := range places {
		seats[p.Key] = p.ContainerID
	}
	out := map[string]snapshot.Sighting{}
	for _, s := range seen {
		if s.State == "removing" || s.State == "dead" {
			continue
		}
		if other, two := out[s.Key]; !two || precedes(s, other, seats[s.Key]) {
			out[s.Key] = s
		}
	}
	return out
}

func precedes(a, b snapshot.Sighting, seat string) bool {
	switch {
	case a.Alive() != b.Alive():
		return a.Alive()
	case !a.CreatedAt.Equal(b.CreatedAt):
		return a.CreatedAt.After(b.CreatedAt)
	}
	return b.ID == seat // within one second, the one that was not there before is the newer one
}

// notePresent writes down who has gone or come back, if anybody has.
func (w *Watcher) notePresent(ctx context.Context, engine string, now map[string]snapshot.Sighting, places []snapshot.Place) error {
	changed := slices.ContainsFunc(places, func(p snapshot.Place) bool {
		s, there := now[p.Key]
		return there == p.Gone || there && s.Others == slices.Contains(p.Scopes, w.Scope)
	})
	if !changed {
		return nil
	}
	keys, within := make([]string, 0, len(now)), []string{}
	for key, s := range now {
		keys = append(keys, key)
		if !s.Others {
			within = append(within, key)
		}
	}
	return w.Store.Present(ctx, engine, keys, w.Scope, within)
}

func (w *Watcher) compare(now map[string]snapshot.Sighting, places []snapshot.Place) {
	known, seated := map[string]snapshot.Place{}, map[string]string{}
	for _, p := range places {
		known[p.Key], seated[p.ContainerID] = p, p.Key
	}
	standings := make([]standing, 0, len(now))
	for key, s := range now {
		if s.Others {
			continue
		}
		p, ok := known[key]
		standings = append(standings, standing{p, s})
		if ok && p.ContainerID == s.ID || !ok && !w.lasting(s, seated[s.ID]) {
			continue
		}
		w.task(key, func(ctx context.Context) error { return w.arrived(ctx, s) })
	}
	w.show(standings)
}

// lasting says that a container under a new identity is there to stay. One that only has been renamed may be on its way
// out: that is how some updaters make room for its successor.
func (w *Watcher) lasting(s snapshot.Sighting, seat string) bool {
	if seat == "" || seat == s.Key {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	since, ok := w.noticed[s.ID]
	if !ok {
		w.noticed[s.ID] = time.Now()
	}
	return ok && s.Alive() && time.Since(since) >= w.BaselineAfter
}

// arrived deals with a container that has come to a seat. It runs alone for that identity, so it looks again first.
func (w *Watcher) arrived(ctx context.Context, s snapshot.Sighting) error {
	now, err := w.Engine.Inspect(ctx, s.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && (!now.Enabled || now.Key != s.Key || snapshot.OurName(now.Name)) {
		return nil // gone or moved on meanwhile: there was an event, so another look comes
	}
	if err != nil {
		return err
	}
	if wait := w.unstarted(now); wait > 0 {
		w.askIn(wait)
		return nil
	}
	before, err := w.Store.Seat(ctx, s.Key)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return w.sit(ctx, now)
	}
	if err != nil || before.ID == now.ID {
		return err
	}
	return w.replaced(ctx, before, now)
}

// replaced waits for the end of a restore that is under way: until then nobody knows which of the two will stay.
func (w *Watcher) replaced(ctx context.Context, before snapshot.Seat, now snapshot.Inspection) error {
	running, err := w.Store.Restoring(ctx, before.Key)
	if err != nil {
		return err
	}
	if running {
		w.askIn(500 * time.Millisecond)
		return nil
	}
	if err := w.beginSchedule(ctx, before, now); err != nil {
		return err
	}
	ours, err := w.Store.MadeByRestore(ctx, before.Key, now.ID)
	if err != nil {
		return err
	}
	if ours {
		return w.sit(ctx, now)
	}
	return w.deployed(ctx, before, now)
}

// unstarted is how long to wait for a container that was created and not started yet. One whose start has failed is as
// much of a deploy as any, and so is one that nobody starts.
func (w *Watcher) unstarted(now snapshot.Inspection) time.Duration {
	if !now.StartedAt.IsZero() || now.ExitCode != 0 {
		return 0
	}
	return max(0, w.Settle-time.Since(now.CreatedAt))
}

func (w *Watcher) sit(ctx context.Context, now snapshot.Inspection) error {
	if err := w.Store.Sit(ctx, seatOf(now)); err != nil {
		return err
	}
	w.ask() // so that its baseline is thought of
	return nil
}

func seatOf(now snapshot.Inspection) snapshot.Seat {
	return snapshot.Seat{Container: now.Container, Labels: now.Labels, Document: now.Document}
}

// deployed keeps the state from before and writes the deploy down. When it is interrupted, the next run finds the
// snapshot that this one has kept.
func (w *Watcher) deployed(ctx context.Context, before snapshot.Seat, now snapshot.Inspection) error {
	d := snapshot.Deployed{Seat: seatOf(now), Services: now.Settings.PagerDutyServices, Deploy: snapshot.Deploy{
		Key: before.Key, At: w.began(before.ID, now.CreatedAt), BeforeID: before.ID, AfterID: now.ID, Before: before.Image, After: now.Image,
	}}
	kept, found, err := w.keepBefore(ctx, before, d.Deploy)
	if err != nil && (ctx.Err() != nil || w.mayTryAgain(now.ID)) {
		return fmt.Errorf("keeping the state from before a deploy of %s: %w", now.Name, err)
	}
	if err != nil { // the deploy has happened all the same, and people must hear of it
		w.Logger.Error("the state from before a deploy could not be kept", "container", now.Name, "err", err)
	}
	w.compareWith(&d, before, kept, now)
	if found {
		d.Snapshot, d.SnapshotID = kept.Name, kept.ID
	}
	return w.writeDown(ctx, d, now)
}

const keepTries = 3

func (w *Watcher) mayTryAgain(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries[id]++
	return w.tries[id] < keepTries
}

func (w *Watcher) writeDown(ctx context.Context, d snapshot.Deployed, now snapshot.Inspection) (err error) {
	if d.Entry, err = w.deployEntry(ctx, d.Deploy, now); err != nil {
		return err
	}
	fresh, err := w.Deploys.AddDeployed(ctx, d)
	if err != nil {
		return err
	}
	if fresh {
		w.Logger.Info("deploy seen", "container", now.Name, "before", d.Before, "after", d.After, "snapshot", d.Snapshot,
			"took_ms", time.Since(d.At).Milliseconds())
		w.Observe(d.Deploy)
	}
	w.ask()
	return nil
}

// earlyStop is how long before its successor's creation a container's end still is part of the same deploy.
const earlyStop = 10 * time.Minute

// began is when a deploy began: when the old container ended or made room, or the new one was created, whichever was first.
func (w *Watcher) began(before string, created time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	ended, ok := w.ended[before]
	if ok && ended.Before(created) && created.Sub(ended) < earlyStop {
		return ended
	}
	return created
}

// deployTold is what a deploy's entry carries.
type deployTold struct {
	Container string `json:"container"`
	Service   string `json:"service"`
	ID        *int64 `json:"id,omitempty"` // in the place of the deploy's own, which it does not have yet
	snapshot.Deploy
	Returned []snapshot.Change `json:"returned,omitempty"`
}

func (w *Watcher) deployEntry(ctx context.Context, d snapshot.Deploy, now snapshot.Inspection) (incidents.Entry, error) {
	e := incidents.Entry{
		OccurredAt: d.At, Kind: incidents.KindDeploy, Actor: incidents.Actor{Kind: incidents.Engine, Name: "docker"},
		Summary: deploySentence(d, now), Source: incidents.Source{System: "engine", NativeID: d.AfterID},
	}
	told := deployTold{Container: now.Name, Service: now.Service, Deploy: d}
	undone, found, err := w.Store.Undone(ctx, d.Key)
	if err != nil {
		return e, err
	}
	if found {
		told.Returned = returned(undone.Changes, d.Changes)
	}
	if len(told.Returned) > 0 {
		e.Kind = incidents.KindDeployReturned
		e.Summary = fmt.Sprintf("%s was deployed with what the restore to %s had undone %s: %s", now.Name, undone.By,
			ago(d.At.Sub(undone.At)), snapshot.OneLine(told.Returned, 3))
	}
	e.Details, err = incidents.Details(told)
	return e, err
}

func deploySentence(d snapshot.Deploy, now snapshot.Inspection) string {
	what := "with nothing changed"
	if len(d.Changes) > 0 {
		what = snapshot.OneLine(d.Changes, 3)
	}
	s := fmt.Sprintf("%s was deployed: %s", now.Name, what)
	if d.Snapshot == "" {
		return s + " (nothing from before could be kept)"
	}
	return s + "; the state from before is kept as " + d.Snapshot
}

func ago(d time.Duration) string {
	if d < time.Minute {
		return "just before"
	}
	return d.Round(time.Minute).String() + " before"
}

// returned are those changes that bring about once more what an earlier deploy had: the image, or a variable's value.
// Of a masked value nobody can tell.
func returned(undone, now []snapshot.Change) []snapshot.Change {
	return slices.DeleteFunc(slices.Clone(now), func(c snapshot.Change) bool {
		telling := c.Attribute == "image" || c.ImageDetail() || strings.HasPrefix(c.Attribute, "env ")
		return !telling || c.Masked || !slices.ContainsFunc(undone, func(u snapshot.Change) bool {
			return u.Attribute == c.Attribute && !u.Masked && u.After == c.After
		})
	})
}
