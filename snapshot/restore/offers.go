package restore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Past is what was done with a container before.
type Past interface {
	// Snapshots lists a container's, newest first.
	Snapshots(ctx context.Context, key string) ([]snapshot.Snapshot, error)
	// Deploys lists the newest of the given containers, at most limit, newest first.
	Deploys(ctx context.Context, keys []string, limit int) ([]snapshot.Deploy, error)
	// LeftBehind lists, by the engine's IDs, the containers that restores were made away from, less those that were put back.
	LeftBehind(ctx context.Context, key string) ([]string, error)
	// MadeBy is the restore that has made the container from its snapshot. It returns ErrUnknownRestore when none has.
	MadeBy(ctx context.Context, key, containerID string) (Restore, error)
	// Occupant is what was last seen to run under an identity. It returns snapshot.ErrUnknownContainer.
	Occupant(ctx context.Context, key string) (snapshot.Occupant, error)
	// Holds lists the holds on a container's deploys, newest first, with their documents.
	Holds(ctx context.Context, key string) ([]snapshot.Hold, error)
}

// comparison holds kept states against what is there now.
type comparison struct {
	engine Describer
	now    snapshot.Inspection
	there  bool
	origin snapshot.Snapshot // what a restore has made it from; the zero one when none has
}

// present looks at what is there of a container.
func (r *Restorer) present(ctx context.Context, c snapshot.Container) (comparison, error) {
	k := comparison{engine: r.Engine}
	if c.Gone() || c.Elsewhere {
		return k, nil
	}
	now, err := r.Engine.Inspect(ctx, c.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && len(now.Document) == 0 {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	k.now, k.there = now, true
	made, err := r.Journal.MadeBy(ctx, c.Key, now.ID)
	if errors.Is(err, snapshot.ErrUnknownRestore) {
		return k, nil
	}
	if err == nil {
		k.origin, err = r.Snapshots.SnapshotByID(ctx, made.SnapshotID)
	}
	if errors.Is(err, snapshot.ErrUnknownSnapshot) {
		return k, nil
	}
	return k, err
}

// with compares what is there with a kept state: what a restore would change, whether that is nothing, and whether then at
// least the files would change that the container has written itself.
func (k comparison) with(snap snapshot.Snapshot) (changes []snapshot.Change, same, layer bool, err error) {
	if !k.there || len(snap.Document) == 0 {
		return nil, false, false, nil
	}
	if changes, err = k.engine.Changes(k.now.Document, snap.Document); err != nil {
		return nil, false, false, err
	}
	if changes, err = k.ofImage(changes, snap); err != nil {
		return nil, false, false, err
	}
	same = len(changes) == 0
	return changes, same, same && snap.ImageID != k.now.ImageID, nil
}

// ofImage puts right what is said of the image of a container that a restore has made from a commit: by the documents, it runs
// from that commit. What counts is what the commit was made of.
func (k comparison) ofImage(changes []snapshot.Change, snap snapshot.Snapshot) ([]snapshot.Change, error) {
	if len(k.origin.Document) == 0 || snap.ContainerID == k.now.ID { // taken of it, a snapshot names the same commit
		return changes, nil
	}
	image := func(c snapshot.Change) bool { return c.Attribute == "image" || c.ImageDetail() }
	of, err := k.engine.Changes(k.origin.Document, snap.Document)
	if err != nil {
		return nil, err
	}
	of = slices.DeleteFunc(of, func(c snapshot.Change) bool { return !image(c) })
	return append(of, slices.DeleteFunc(slices.Clone(changes), image)...), nil
}

// Offers holds all that is kept of a container against what is there now, in the order in which it is offered: see Sort. Of the
// first n it also runs the preflight of a restore, and of more when none of these is a way out. opened is when the alert came that a way out is looked for; zero: there is
// none. It changes nothing. It returns an error only when the engine or the database can't be asked, with what it has found out by
// then.
func (r *Restorer) Offers(ctx context.Context, c snapshot.Container, opened time.Time, n int) ([]Offer, error) {
	kept, err := r.Journal.Snapshots(ctx, c.Key)
	if err != nil {
		return nil, err
	}
	offers, err := r.judge(ctx, c, opened, kept, kept)
	if err != nil {
		return nil, err
	}
	Sort(offers)
	return r.checkFirst(ctx, c, offers, n)
}

// checkFirst runs the preflight of the first n. When no way out is among them, it goes on until it finds one, and puts that in the
// place of the last of them, where whoever shows n sees it.
func (r *Restorer) checkFirst(ctx context.Context, c snapshot.Container, offers []Offer, n int) ([]Offer, error) {
	found := n == 0
	for i := range offers {
		if i >= n && (found || offers[i].group() > good) {
			break
		}
		if err := r.check(ctx, c, &offers[i]); err != nil {
			return offers[:min(i, n)], err
		}
		if offers[i].WayOut() {
			if found = true; i >= n {
				way := offers[i]
				return slices.Insert(slices.Delete(offers, i, i+1), n-1, way), nil
			}
		}
	}
	return offers, nil
}

// judge compares snapshots with what is there, and says what is known against them. kept is all that there is.
func (r *Restorer) judge(ctx context.Context, c snapshot.Container, opened time.Time, snaps, kept []snapshot.Snapshot) ([]Offer, error) {
	scene, err := r.scene(ctx, c, opened)
	if err != nil {
		return nil, err
	}
	var present comparison
	if slices.ContainsFunc(snaps, func(s snapshot.Snapshot) bool { return len(s.Document) > 0 }) {
		if present, err = r.present(ctx, c); err != nil {
			return nil, err
		}
	}
	left := slices.DeleteFunc(slices.Clone(kept), func(s snapshot.Snapshot) bool {
		return s.Reason != snapshot.Before && !slices.Contains(scene.Left, s.ContainerID)
	})
	offers := make([]Offer, 0, len(snaps))
	for _, s := range snaps {
		o := Offer{Snapshot: s, Doubt: scene.Doubt(s)}
		if o.Changes, o.Running, o.Layer, err = present.with(s); err != nil {
			return nil, err
		}
		if o.Doubt == "" && !o.Running && !scene.Proven(s.ContainerID, time.Now()) && r.likeAny(s, left) {
			o.Doubt = "a restore was made away from a state like it"
		}
		offers = append(offers, o)
	}
	return offers, nil
}

// likeAny says whether a restore of s would come to the same as one of any of the others. Documents that can't be compared are
// not alike.
func (r *Restorer) likeAny(s snapshot.Snapshot, others []snapshot.Snapshot) bool {
	return slices.ContainsFunc(others, func(o snapshot.Snapshot) bool {
		if len(s.Document) == 0 || len(o.Document) == 0 {
			return false
		}
		changes, err := r.Engine.Changes(o.Document, s.Document)
		return err == nil && len(changes) == 0
	})
}

// knownDeploys is how many deploys are looked back at: more than snapshots are kept of them.
const knownDeploys = 50

func (r *Restorer) scene(ctx context.Context, c snapshot.Container, opened time.Time) (s Scene, err error) {
	s = Scene{Now: c, Opened: opened, Proves: r.Proves}
	if s.Deploys, err = r.Journal.Deploys(ctx, []string{c.Key}, knownDeploys); err != nil {
		return s, err
	}
	s.Left, err = r.Journal.LeftBehind(ctx, c.Key)
	return s, err
}

// alreadyThere returns an *AlreadyThereError when a restore would change nothing, and notes that in the restore when it is
// forced. Of a service it refuses that in words. The same wish delivered twice is no such restore, nor is one while another runs: Open has the answer to those. An engine
// that does not answer in time is waited for later.
func (r *Restorer) alreadyThere(ctx context.Context, ask Ask, snap snapshot.Snapshot, rest *Restore) error {
	if ask.Volumes || ask.Replicas {
		return nil
	}
	looking, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	present, err := r.present(looking, ask.Container)
	if looking.Err() != nil || retryable(err) || errors.Is(err, snapshot.ErrEngineDenied) {
		return ctx.Err()
	}
	_, service := r.Engine.(ServiceEngine)
	if err != nil || present.now.State != "running" && !service {
		return err
	}
	_, same, layer, err := present.with(snap)
	if err != nil || !same || layer {
		return err
	}
	answered, err := r.Journal.Answered(ctx, ask.Container.Key, ask.Idempotency)
	if err != nil || answered {
		return err
	}
	there := &AlreadyThereError{Container: ask.Container.Name, Snapshot: snap.Name, Service: service}
	if service && (ask.Force || present.now.State != "running") {
		return &RefusedError{Reasons: []string{there.Anew()}}
	}
	rest.Plan.Anew = true
	if !ask.Force {
		return there
	}
	return nil
}
