package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// hold finds out what the restore has rolled back, which is on hold from the moment that it is verified, and which holds it has
// ended. What an undo means for holds, the journal knows. Only deploys are held: what a restore had made, and another one
// replaces, was never deployed like that.
func (t *task) hold(ctx context.Context) error {
	if t.restore.Kind != Restoring || t.restore.Plan.Anew {
		return nil
	}
	t.restore.Plan.Unheld = ""
	err := t.findHolds(ctx)
	if retryable(err) || ctx.Err() != nil {
		return err
	}
	if err != nil { // the restore itself has worked
		t.restore.Hold, t.restore.Plan.Unheld = nil, err.Error()
		t.Logger.Error("what was rolled back can't be put on hold", "restore_id", t.restore.ID, "container", t.restore.Container, "err", err)
	}
	return nil
}

func (t *task) findHolds(ctx context.Context) error {
	snap, err := t.Snapshots.SnapshotByID(ctx, t.restore.SnapshotID)
	if err != nil {
		return err
	}
	held, err := t.Journal.Holds(ctx, t.restore.Key)
	if err != nil {
		return err
	}
	t.restore.Lifted = nil
	for _, h := range held {
		differs, err := t.Engine.Changes(h.Document, snap.Document)
		if err == nil && len(differs) == 0 {
			t.restore.Lifted = append(t.restore.Lifted, h)
		}
	}
	t.restore.Hold, err = t.rolledBack(ctx, snap)
	return err
}

// rolledBack is nil when nothing was that a deploy had brought.
func (t *task) rolledBack(ctx context.Context, snap snapshot.Snapshot) (*snapshot.Hold, error) {
	if t.restore.Plan.OldID != "" {
		_, err := t.Journal.MadeBy(ctx, t.restore.Key, t.restore.Plan.OldID)
		if !errors.Is(err, snapshot.ErrUnknownRestore) {
			return nil, err
		}
	}
	old, err := t.replacedOne(ctx)
	if err != nil {
		return nil, err
	}
	changes, err := t.Engine.Changes(snap.Document, old.Document)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	image, err := t.Engine.ImageOf(old.Document)
	if err != nil {
		return nil, err
	}
	r := t.restore
	return &snapshot.Hold{
		Key: r.Key, Container: r.Container, Restore: r.ID, Snapshot: r.Snapshot, Incident: r.By.Incident, By: r.By.Actor,
		Since: r.VerifiedAt, Until: r.VerifiedAt.Add(t.Keep), Ref: old.Image, Image: image, Changes: changes, Document: old.Document,
	}, nil
}

// Why it is not known what the restore has replaced.
var (
	errUnseen   = errors.New("what ran before is gone, and the bot had not seen it")
	errNobody   = errors.New("nothing was there when the restore began, and the bot has not seen what ran before")
	errUnopened = errors.New("no key opens what is kept of what ran before")
)

// replacedOne is the container that the restore has replaced, as it was when it ran. One that the watch had not seen yet is still there
// to be looked at; it returns errUnseen, errNobody or errUnopened when there is nothing to look at.
func (t *task) replacedOne(ctx context.Context) (old snapshot.Occupant, err error) {
	p := t.restore.Plan
	old, err = t.Journal.Occupant(ctx, t.restore.Key)
	if err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) {
		return old, err
	}
	if err == nil && len(old.Document) > 0 && (p.OldID == "" || old.ID == p.OldID) && old.ID != p.NewID {
		return old, nil
	}
	switch {
	case p.OldID == "" && err == nil && len(old.Document) == 0:
		return old, errUnopened
	case p.OldID == "":
		return old, errNobody
	}
	in, err := t.glance(ctx, p.OldID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && len(in.Document) == 0 {
		return old, errUnseen
	}
	if err != nil {
		return old, fmt.Errorf("looking at what was replaced: %w", err)
	}
	document, err := t.Engine.AsBefore(in.Document, t.restore.Container, p.OldPolicy)
	return snapshot.Occupant{Container: in.Container, Document: document}, err
}

// glanceFor is how long a look may take that the restore can do without: it has worked, and people wait to hear that.
const glanceFor = 10 * time.Second

// errNoAnswer says that the engine did not answer about a container in time.
var errNoAnswer = errors.New("the engine does not answer about it")

// glance inspects. It returns errNoAnswer where the engine never would: it may answer about all containers but one that hangs.
func (t *task) glance(ctx context.Context, id string) (in snapshot.Inspection, err error) {
	err = t.persist(ctx, "looking at a container", func(ctx context.Context) error {
		return soon(ctx, func(ctx context.Context) error { in, err = t.Engine.Inspect(ctx, id); return err })
	}, snapshot.ErrUnknownContainer, errNoAnswer)
	return in, err
}

// soon is within for a look.
func soon(ctx context.Context, do func(ctx context.Context) error) error {
	return within(ctx, glanceFor, do)
}

// within returns errNoAnswer when do has failed for want of time, and not that the engine is away, which would be waited for.
func within(ctx context.Context, limit time.Duration, do func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := do(limited); err == nil || limited.Err() == nil || ctx.Err() != nil {
		return err
	}
	return errNoAnswer
}
