package capture

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// VolumesConfig is what Volumes need; Engine, Vault and Used are required.
type VolumesConfig struct {
	Engine VolumeEngine
	Vault  Vault
	// Used lists the sets that a snapshot, a running restore, or a restore that can be undone refers to.
	Used   func(ctx context.Context) (map[string]bool, error)
	Logger *slog.Logger  // nil: silent
	Freeze time.Duration // how long snapback.pause=auto may freeze a container for its archives; 0: 5 s
}

// Volumes archives the contents of volumes, and puts them back. Both a Taker and a Restorer use it; there is one
// per bot, since it knows which sets are in use.
type Volumes struct {
	VolumesConfig
	mu     sync.Mutex
	busy   map[string]bool // guarded by mu: sets that are being written
	frozen map[string]bool // guarded by mu: containers that are paused for an archive right now
}

// NewVolumes returns Volumes.
func NewVolumes(c VolumesConfig) *Volumes {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Freeze == 0 {
		c.Freeze = freezeLimit
	}
	return &Volumes{VolumesConfig: c, busy: map[string]bool{}, frozen: map[string]bool{}}
}

// NewSet draws the ID of a set.
func NewSet() string { return strings.ToLower(rand.Text()) }

func (v *Volumes) mark(in map[string]bool, what string) (release func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	in[what] = true
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(in, what)
	}
}

func (v *Volumes) marked(in map[string]bool, what string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return in[what]
}

// Archive writes the contents of mounts into a new set. Each is a mount of one of the containers. done is called after the last one, and says
// how still it was. The meter tells how far it is.
func (v *Volumes) Archive(ctx context.Context, set string, ids []string, mounts []snapshot.Mount, meter *Meter, done func(context.Context) (snapshot.Consistency, error)) (snapshot.VolumeSet, error) {
	defer v.mark(v.busy, set)()
	defer meter.end()
	s := snapshot.VolumeSet{ID: set, TakenAt: time.Now().UTC()}
	draft, err := v.Vault.Begin(set)
	if err != nil {
		return s, fmt.Errorf("beginning an archive: %w", err)
	}
	for i, m := range mounts {
		at := snapshot.Progress{Doing: snapshot.ArchivingVolume, Volume: i + 1, Of: len(mounts), Path: m.Path}
		a, err := v.one(ctx, draft, ids, m, func(w io.Writer) io.Writer {
			meter.at(at)
			return io.MultiWriter(w, meter)
		})
		if errors.Is(err, snapshot.ErrNoFolder) {
			s.Left = append(s.Left, m.Path+" is a single file")
			continue
		}
		if errors.Is(err, snapshot.ErrUnsafeMount) {
			v.Logger.Warn("leaving the contents of a mount alone", "path", m.Path, "source", m.Source, "err", err)
			s.Left = append(s.Left, err.Error())
			continue
		}
		if err != nil {
			return s, errors.Join(err, draft.Discard())
		}
		s.Archives = append(s.Archives, a)
	}
	if s.Consistency, err = done(ctx); err == nil {
		err = draft.Commit(s)
	}
	if err != nil {
		return s, errors.Join(err, draft.Discard())
	}
	v.Logger.Info("volumes archived", "set", set, "mounts", len(s.Archives), "bytes", s.Bytes(),
		"consistency", s.Consistency, "ms", time.Since(s.TakenAt).Milliseconds())
	return s, nil
}

// one adds the archive of a mount. counted is called for each container that is tried.
func (v *Volumes) one(ctx context.Context, draft VaultDraft, ids []string, m snapshot.Mount, counted func(io.Writer) io.Writer) (snapshot.Archive, error) {
	a := snapshot.Archive{Mount: m}
	err := firstWith(ids, func(id string) error {
		return draft.Add(ctx, &a, func(w io.Writer) error {
			packed, err := v.Engine.Pack(ctx, id, m, counted(w))
			a.Entries, a.Content, a.Left = packed.Entries, packed.Content, packed.Left
			return err
		})
	})
	return a, err
}

// firstWith does something with the first of the containers that is there and has the mount. It does it again, from the beginning, while what
// came of it is lost.
func firstWith(ids []string, do func(id string) error) error {
	err := snapshot.ErrGone
	for _, id := range ids {
		if id == "" {
			continue
		}
		for n := 0; n == 0 || n < heardIn && errors.Is(err, snapshot.ErrLostReport); n++ {
			err = do(id)
		}
		if !errors.Is(err, snapshot.ErrGone) {
			return err
		}
	}
	return err
}

// heardIn is how often something is done at most until it is known what came of it.
const heardIn = 3

// Filling is a mount, and the archive whose contents it gets.
type Filling struct {
	snapshot.Archive
	To snapshot.Mount
}

// Fill replaces the contents of mounts, each of one of the containers, by those of a set's archives. The meter tells how far it is: it counts
// what is sealed in an archive, which is a little less than the archive has.
func (v *Volumes) Fill(ctx context.Context, set string, all []Filling, ids []string, meter *Meter) error {
	defer meter.end()
	for i, f := range all {
		at := snapshot.Progress{Doing: snapshot.FillingVolume, Volume: i + 1, Of: len(all), Path: f.To.Path, Total: f.Bytes}
		err := firstWith(ids, func(id string) error {
			r, err := v.Vault.Open(set, f.Archive)
			if err != nil {
				return fmt.Errorf("opening the archive of %s: %w", f.Path, err)
			}
			meter.at(at)
			err = v.Engine.Unpack(ctx, id, f.To, io.TeeReader(r, meter))
			return errors.Join(err, r.Close())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Verify reads all archives of a set. The meter tells how far it is.
func (v *Volumes) Verify(ctx context.Context, s snapshot.VolumeSet, meter *Meter) error {
	defer meter.end()
	for i, a := range s.Archives {
		meter.at(snapshot.Progress{Doing: snapshot.CheckingVolume, Volume: i + 1, Of: len(s.Archives), Path: a.Path, Total: a.Bytes})
		if err := v.Vault.Verify(ctx, s.ID, a, meter); err != nil {
			return err
		}
	}
	return nil
}

// MarkBegun is the mark of a set whose archives a restore has begun to replace: the set is of no use to anybody else.
const MarkBegun = "begun"

// How long a set stays that nothing refers to. A restore's set was referred to until it was of no use, so it goes soon. Any
// other set may be about to be written down, or be all that is left of a lost database.
const (
	usedAge   = time.Hour
	orphanAge = 7 * 24 * time.Hour
)

// LookAfter resumes what was left paused, and removes archives that nothing refers to. It is a chore, whatever the engine.
func (v *Volumes) LookAfter(ctx context.Context, _ string) error {
	return errors.Join(v.Recover(ctx), v.Tidy(ctx))
}

// Tidy removes what nothing refers to any more.
func (v *Volumes) Tidy(ctx context.Context) error {
	sets, err := v.Vault.Sets() // before Used: a set that comes into use in between is young
	if err != nil || len(sets) == 0 {
		return err
	}
	used, err := v.Used(ctx)
	if err != nil {
		return err
	}
	var errs error
	for set, changed := range sets {
		if used[set] || v.marked(v.busy, set) || time.Since(changed) < usedAge {
			continue
		}
		spent, err := v.Vault.Marked(set, MarkBegun)
		if err == nil && (spent || time.Since(changed) > orphanAge) {
			err = v.Vault.Drop(set)
		}
		errs = errors.Join(errs, err)
	}
	return errs
}

// release removes a set right away, unless something else refers to it.
func (v *Volumes) release(ctx context.Context, set string) error {
	used, err := v.Used(ctx)
	if err != nil || used[set] {
		return err
	}
	return v.Vault.Drop(set)
}

// archiving archives the volumes of a container while a snapshot of it is taken. When that fails, the snapshot is taken
// without, and says why.
type archiving struct {
	v      *Volumes
	still  *freezing
	now    snapshot.Inspection
	mounts []snapshot.Mount
	set    snapshot.VolumeSet
}

// beginArchives is the first half, before the image is kept: both are to be from the same moment.
func (v *Volumes) beginArchives(ctx context.Context, now snapshot.Inspection) (*archiving, error) {
	k := &archiving{v: v, now: now}
	var err error
	if k.mounts, k.set.Left, err = v.Engine.Mounts(ctx, now.ID, now.Settings.VolumePaths); err != nil {
		return nil, err
	}
	if len(k.mounts) == 0 {
		return k, nil
	}
	if err := v.Engine.ReadyToMove(ctx); err != nil {
		return nil, err
	}
	if k.still, err = v.freeze(ctx, now); err != nil { // it runs on: the archives say that it did
		v.Logger.Warn("archiving volumes of a container that could not be paused", "container", now.Name, "err", err)
	}
	return k, nil
}

// finish is the second half, which ends early when patience does. The container runs again when it returns.
func (k *archiving) finish(ctx, patience context.Context, meter *Meter) *snapshot.VolumeSet {
	left := k.set.Left
	if len(k.mounts) == 0 {
		if len(left) == 0 {
			return nil
		}
		return &snapshot.VolumeSet{TakenAt: time.Now().UTC(), Left: left, Problem: "nothing in it can be archived"}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(patience, func() { cancel(context.Cause(patience)) })()
	set, err := k.v.Archive(ctx, NewSet(), []string{k.now.ID}, k.mounts, meter, k.consistency)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if _, thawErr := k.still.thaw(); thawErr != nil {
		err = errors.Join(err, thawErr)
	}
	if err != nil {
		return k.v.problem(k.now.Name, err)
	}
	set.Left = append(left, set.Left...)
	if len(set.Archives) == 0 {
		return k.v.nothing(set)
	}
	return &set
}

// nothing is the result when everything was left out of a set.
func (v *Volumes) nothing(set snapshot.VolumeSet) *snapshot.VolumeSet {
	if err := v.Vault.Drop(set.ID); err != nil {
		v.Logger.Warn("removing an empty archive", "set", set.ID, "err", err) // it is tidied away later
	}
	return &snapshot.VolumeSet{TakenAt: set.TakenAt, Left: set.Left, Problem: "nothing in it can be archived"}
}

// consistency lets the container go on, and says how it was: crash-consistent, where that can't be found out.
func (k *archiving) consistency(ctx context.Context) (snapshot.Consistency, error) {
	after, unseen := inspect(ctx, k.v.Engine, k.now.ID)
	if ctx.Err() != nil || errors.Is(unseen, snapshot.ErrUnknownContainer) { // its successor may have written there by now
		return "", unseen
	}
	still, err := k.still.thaw()
	if err != nil {
		return "", err
	}
	if unseen != nil {
		k.v.Logger.Warn("nobody knows how still a container was for its archive", "container", k.now.Name, "err", unseen)
		return snapshot.CrashConsistent, nil
	}
	return consistencyOf(k.now, after, still), nil
}

// consistencyOf compares how the container was before the first file and after the last one.
func consistencyOf(before, after snapshot.Inspection, still bool) snapshot.Consistency {
	switch {
	case before.StartedAt != after.StartedAt:
		return snapshot.CrashConsistent
	case after.State == "paused" && (still || before.State == "paused"):
		return snapshot.Frozen
	case before.State == after.State && (after.State == "exited" || after.State == "created"):
		return snapshot.Stopped
	}
	return snapshot.CrashConsistent
}

func (v *Volumes) problem(container string, err error) *snapshot.VolumeSet {
	v.Logger.Error("archiving volumes", "container", container, "err", err)
	return &snapshot.VolumeSet{TakenAt: time.Now().UTC(), Problem: err.Error()}
}
