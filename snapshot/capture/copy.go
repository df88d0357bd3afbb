package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Copy keeps what a snapshot holds under another name and for another reason: the same image gets another tag. A name
// that is taken gets -2, -3, …. It returns ErrGone when the image is not there any more.
func (t *Taker) Copy(ctx context.Context, from snapshot.Snapshot, ask snapshot.TakeRequest) (s snapshot.Snapshot, err error) {
	ask.Numbered = true
	defer func() { t.Observe(ask.Reason, err) }()
	err = t.named(ctx, from.Key, ask, func(ctx context.Context, name string) error {
		s, err = t.copy(ctx, from, name, ask)
		return err
	})
	return s, err
}

func (t *Taker) copy(ctx context.Context, from snapshot.Snapshot, name string, ask snapshot.TakeRequest) (snapshot.Snapshot, error) {
	s := from
	s.ID, s.Name, s.Reason, s.Note, s.Changes = 0, name, ask.Reason, ask.Note, nil
	s.CreatedAt, s.ExpiresAt, s.Pinned, s.MissingSince = time.Now().UTC(), time.Time{}, ask.Pinned, time.Time{}
	s.ImageRef = t.Ref(s.Container, s.Name)
	if _, err := t.Audit.Record(ctx, takeEntry(s, ask.By)); err != nil {
		return s, fmt.Errorf("writing the audit entry: %w", err)
	}
	if err := t.Store.BeginTag(ctx, s); err != nil {
		return s, err
	}
	err := t.Engine.Tag(ctx, s.ImageID, s.ImageRef)
	if err == nil {
		err = t.Engine.TagMounted(ctx, s.Document, s.ImageRef)
	}
	if err != nil {
		return s, errors.Join(err, t.discard(ctx, s))
	}
	added, err := t.Store.AddSnapshot(ctx, s, ask.By)
	if err != nil {
		return s, errors.Join(err, t.discard(ctx, s))
	}
	t.Logger.Info("snapshot kept", "container", s.Container, "snapshot", added.Name, "reason", s.Reason, "from", from.Name)
	return added, nil
}

// TakeStopped keeps a container that has ended, under a document that the caller gives. It waits for no slot: somebody waits
// for the end of a restore.
func (t *Taker) TakeStopped(ctx context.Context, s snapshot.Snapshot, by snapshot.By) (snapshot.Snapshot, error) {
	s.ImageRef = t.Ref(s.Container, s.Name)
	err := t.written(ctx, &s)
	if err != nil {
		return s, err
	}
	if s.Committed {
		if err := t.Engine.Untag(ctx, s.ImageRef); err != nil { // a commit before a crash may have left it
			return s, err
		}
		s.ImageID, s.SizeBytes, err = t.Engine.Commit(ctx, s.ContainerID, s.ImageRef, false)
	} else {
		err = t.Engine.Tag(ctx, s.ImageID, s.ImageRef)
	}
	if err == nil {
		err = t.Engine.TagMounted(ctx, s.Document, s.ImageRef)
	}
	if err != nil {
		return s, err
	}
	return t.Store.AddSnapshot(ctx, s, by)
}
