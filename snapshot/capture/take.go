package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Config is what a Taker needs; Engine, Ref, Store, Lock and Audit are required.
type Config struct {
	Engine Engine
	Ref    func(container, snapshot string) string // the tag under which the engine keeps a snapshot's image
	Store  Store
	Lock   snapshot.Lock // names and commits are held by it, among all bots
	Audit  Audit
	Logger *slog.Logger   // nil: silent
	Zone   *time.Location // for names such as manual-0347; nil: UTC
	Limit  int            // how many commits may run on one engine at once, of all bots; 0: 1, since they compete for the same disk

	Wait time.Duration // how long a snapshot waits for other commits to end; 0: 10 min

	// Room is asked before every commit of a container, which does not happen when it returns an error; nil: there is always room.
	Room func(ctx context.Context, id string) error

	// Spiking says whether a container's errors are at a spike's rate at a moment; nil: nobody counts them.
	Spiking func(ctx context.Context, key string, at time.Time) (bool, error)

	Volumes *Volumes // nil: contents of volumes are not archived, whatever the label says

	Observe func(reason snapshot.Reason, err error) // hears how every Take and Copy has ended, for metrics; nil: nobody does
}

// Taker takes snapshots and removes them.
type Taker struct {
	Config
	commits  chan struct{} // a slot for every commit that this bot may have run; see amongBots for those of others
	archives chan struct{} // one slot: volumes are read one container after the other, however long that takes
	archived archived
}

// New returns a Taker.
func New(c Config) *Taker {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Wait == 0 {
		c.Wait = commitWait
	}
	if c.Observe == nil {
		c.Observe = func(snapshot.Reason, error) {}
	}
	return &Taker{Config: c, commits: make(chan struct{}, max(1, c.Limit)), archives: make(chan struct{}, 1)}
}

// Take keeps the state of a container, running or not: its image when nothing was written to its own layer, a commit
// otherwise, its inspect document, and the contents of its volumes if its label asks for them. It returns ErrBadName, ErrNameTaken
// (for a name that is not to be numbered), ErrNotEnabled, or what the engine says.
func (t *Taker) Take(ctx context.Context, c snapshot.Container, ask snapshot.TakeRequest) (s snapshot.Snapshot, err error) {
	if ask.Reason == "" {
		ask.Reason = snapshot.Manual
	}
	defer func() { t.Observe(ask.Reason, err) }()
	if ask.Name == "" {
		ask.Name, ask.Numbered = snapshot.DefaultName(ask.Reason, time.Now().In(t.Zone)), true
	}
	if err := snapshot.CheckName(ask.Name); err != nil {
		return s, err
	}
	if !ask.Numbered { // so as not to wait for other commits in vain
		if err := t.free(ctx, c.Key, ask.Name); err != nil {
			return s, err
		}
	}
	at, err := t.acquire(ctx, c, ask)
	if err != nil {
		return s, err
	}
	defer at.release()
	err = t.named(ctx, c.Key, ask, func(ctx context.Context, name string) error {
		s, err = t.take(ctx, draft(c, name, ask), ask.By, at)
		return err
	})
	return s, err
}

// take does it all, under a name that nobody else takes meanwhile.
func (t *Taker) take(ctx context.Context, s snapshot.Snapshot, by snapshot.By, at *slots) (snapshot.Snapshot, error) {
	now, err := t.look(ctx, &s)
	if err != nil {
		return s, err
	}
	if _, err := t.Audit.Record(ctx, takeEntry(s, by)); err != nil {
		return s, fmt.Errorf("writing the audit entry: %w", err)
	}
	s.ImageRef = t.Ref(s.Container, s.Name)
	if err := t.Store.BeginTag(ctx, s); err != nil {
		return s, err
	}
	if err := t.save(ctx, &s, now, at); err != nil {
		return s, errors.Join(err, t.discard(ctx, s))
	}
	added, err := t.Store.AddSnapshot(ctx, s, by)
	if err != nil {
		return s, errors.Join(err, t.discard(ctx, s))
	}
	t.Logger.Info("snapshot taken", "container", s.Container, "snapshot", added.Name, "reason", s.Reason,
		"committed", s.Committed, "size_bytes", s.SizeBytes)
	return added, nil
}

// draft is the snapshot as far as it is known before the engine is asked for anything.
func draft(c snapshot.Container, name string, ask snapshot.TakeRequest) snapshot.Snapshot {
	now := time.Now()
	s := snapshot.Snapshot{
		Key: c.Key, Container: c.Name, Name: name, Reason: ask.Reason, Note: ask.Note, Pinned: ask.Pinned,
		CreatedAt: now.UTC(), ContainerID: c.ID, Unwell: ask.Unwell,
	}
	if ask.ExpiresIn > 0 {
		s.ExpiresAt = now.Add(ask.ExpiresIn).UTC()
	}
	return s
}

// look finds out what there is to keep, and whether there is room for it. It changes nothing. A snapshot that
// can't be taken gets no entry on the timeline.
func (t *Taker) look(ctx context.Context, s *snapshot.Snapshot) (snapshot.Inspection, error) {
	now, err := inspect(ctx, t.Engine, s.ContainerID)
	if err != nil {
		return now, err
	}
	if !now.Enabled {
		return now, snapshot.ErrNotEnabled
	}
	if now.Carries != "" {
		return now, fmt.Errorf("%s: %w: %s", now.Name, snapshot.ErrCarriesBot, now.Carries)
	}
	s.Document, s.ImageID, s.Unwell = now.Document, now.ImageID, cmp.Or(now.Unwell(time.Now()), s.Unwell)
	if s.Unwell == "" && now.State == "running" {
		s.RanFor = now.Up
	}
	s.Spiked = t.spikes(ctx, s.Key)
	return now, t.written(ctx, s)
}

// spikes says whether errors are at a spike's rate. What can't be found out is no reason to keep nothing.
func (t *Taker) spikes(ctx context.Context, key string) bool {
	if t.Spiking == nil {
		return false
	}
	is, err := t.Spiking(ctx, key, time.Now())
	if err != nil {
		t.Logger.Warn("reading whether errors are at a spike's rate", "key", key, "err", err)
	}
	return is && err == nil
}

// written notes whether a commit is needed, and returns an error when there is no room for it. A container that has
// written once is not asked again.
func (t *Taker) written(ctx context.Context, s *snapshot.Snapshot) (err error) {
	if s.Committed {
		return nil
	}
	s.Committed, err = t.Engine.Written(ctx, s.ContainerID)
	if err != nil || !s.Committed || t.Room == nil {
		return err
	}
	return t.Room(ctx, s.ContainerID)
}

// save makes the engine keep the container's files, and archives its volumes if that is wanted.
func (t *Taker) save(ctx context.Context, s *snapshot.Snapshot, now snapshot.Inspection, at *slots) error {
	if at.volumes == nil {
		return t.saveImage(ctx, s, now, t.amongBots)
	}
	var volumes *archiving
	err := t.amongBots(ctx, now.Engine, func(ctx context.Context) (err error) { // waiting comes before the container is paused
		volumes, err = t.saveBoth(ctx, s, now, at)
		return err
	})
	if err != nil || volumes == nil {
		return err
	}
	at.committed()
	meter := t.archived.begin(s.Key)
	defer t.archived.end()
	s.Volumes = volumes.finish(ctx, at.patience, meter)
	return nil
}

// saveBoth saves the image and begins the archives at the same moment. It returns nil when there are no archives.
func (t *Taker) saveBoth(ctx context.Context, s *snapshot.Snapshot, now snapshot.Inspection, at *slots) (*archiving, error) {
	inPlace := func(ctx context.Context, _ string, commit func(context.Context) error) error { return commit(ctx) }
	volumes, err := at.beginArchives(ctx, now)
	if err != nil {
		s.Volumes = at.volumes.problem(now.Name, err)
		return nil, t.saveImage(ctx, s, now, inPlace)
	}
	if err := t.saveImage(ctx, s, now, inPlace); err != nil {
		_, thawErr := volumes.still.thaw()
		return nil, errors.Join(err, thawErr)
	}
	return volumes, nil
}

// saveImage tags the container's image, or commits what was written to its own layer. Among runs the commit in its slot.
func (t *Taker) saveImage(ctx context.Context, s *snapshot.Snapshot, now snapshot.Inspection, among func(context.Context, string, func(context.Context) error) error) error {
	if err := t.written(ctx, s); err != nil { // something may have been written since
		return err
	}
	if err := t.Engine.TagMounted(ctx, s.Document, s.ImageRef); err != nil {
		return err
	}
	if !s.Committed {
		return t.Engine.Tag(ctx, s.ImageID, s.ImageRef)
	}
	pause := now.State == "running" && now.Settings.Pause != "false"
	return among(ctx, now.Engine, func(ctx context.Context) error {
		commit := func() (err error) {
			s.ImageID, s.SizeBytes, err = t.Engine.Commit(ctx, s.ContainerID, s.ImageRef, pause)
			return err
		}
		if !pause || t.Volumes == nil {
			return commit()
		}
		return t.Volumes.whileFrozen(s.ContainerID, commit)
	})
}

// discard removes what is on the engine of a snapshot that could not be written down. If another snapshot has its name by now,
// because the lock on the name was lost, that one gets its tag back. What can't be removed is left to RemoveTag.
func (t *Taker) discard(ctx context.Context, s snapshot.Snapshot) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardWithin)
	defer cancel()
	owner, err := t.Store.Snapshot(ctx, s.Key, s.Name)
	switch {
	case err == nil:
		err = errors.Join(t.Engine.Tag(ctx, owner.ImageID, owner.ImageRef), t.Engine.TagMounted(ctx, owner.Document, owner.ImageRef))
	case errors.Is(err, snapshot.ErrUnknownSnapshot):
		err = t.untag(ctx, s.Key, s.ImageRef)
	}
	return errors.Join(err, t.dropVolumes(ctx, s))
}

// Delete forgets a snapshot, and has the engine remove what only it needed: later, where the engine can't do that now. It returns
// ErrUnknownSnapshot, or ErrInUse while a restore from it runs.
func (t *Taker) Delete(ctx context.Context, key, name string, by snapshot.By) error {
	s, err := t.Store.Snapshot(ctx, key, name)
	if err != nil {
		return err
	}
	if err := t.Store.RemoveSnapshot(ctx, s.ID, by); err != nil {
		return err
	}
	if err := t.RemoveTag(ctx, key, name, s.ImageRef); err != nil {
		t.Logger.Warn("a removed snapshot's image is left for later", "container", s.Container, "snapshot", name, "err", err)
	}
	return t.dropVolumes(ctx, s)
}

// RemoveTag has the engine remove the tag of a snapshot that is not kept, as of one that is removed or never came to be. It returns
// ErrElsewhere while another one of that name is being taken, or is there, and ErrInUse while a container needs the image.
func (t *Taker) RemoveTag(ctx context.Context, key, name, ref string) error {
	return t.Lock.Alone(ctx, nameLock(key, name), func(ctx context.Context) error {
		err := t.free(ctx, key, name)
		if errors.Is(err, snapshot.ErrNameTaken) {
			return fmt.Errorf("%w: the tag is another snapshot's", snapshot.ErrElsewhere)
		}
		if err != nil {
			return err
		}
		return t.untag(ctx, key, ref)
	})
}

func (t *Taker) untag(ctx context.Context, key, ref string) error {
	if err := t.Engine.Untag(ctx, ref); err != nil {
		return err
	}
	return t.Store.Untagged(ctx, key, ref)
}

func (t *Taker) dropVolumes(ctx context.Context, s snapshot.Snapshot) error {
	if t.Volumes == nil || s.Volumes == nil || s.Volumes.ID == "" {
		return nil
	}
	return t.Volumes.release(ctx, s.Volumes.ID)
}

func takeEntry(s snapshot.Snapshot, by snapshot.By) incidents.Entry {
	details, _ := incidents.Details(map[string]any{ // strings: always encodable
		"container": s.Container, "key": s.Key, "snapshot": s.Name, "reason": s.Reason, "note": s.Note,
	})
	return incidents.Entry{
		IncidentID: by.Incident, OccurredAt: time.Now(), Kind: incidents.KindSnapshotAsked, Actor: by.Actor, Source: by.Source,
		Summary: fmt.Sprintf("%s asked for snapshot %s of %s%s", by.Actor.Name, s.Name, s.Container, by.Because()),
		Details: details,
	}
}
