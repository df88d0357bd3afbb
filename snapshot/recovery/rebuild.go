package recovery

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

// Rebuilt is what a Rebuild has found.
type Rebuilt struct {
	Found int                 // duplicates on the engine
	Known int                 // of them, those of snapshots that the database has, or has removed
	Added []snapshot.Snapshot // those that it has now, the oldest first
	Left  []LeftOut           // those that it can't have, or must not
}

// LeftOut is a duplicate that no snapshot could be made of.
type LeftOut struct {
	Container string
	Snapshot  string
	Why       string
}

// Rebuild reads the duplicates on the engine, also those from when it had another name, and writes the snapshots into the
// database that it does not know. A name that is taken by now gets -2, -3, …. Doing it twice adds nothing twice.
func (d *Duplicator) Rebuild(ctx context.Context, by snapshot.By) (Rebuilt, error) {
	engine, err := d.Engine.ID(ctx)
	if err != nil {
		return Rebuilt{}, err
	}
	all, err := d.Engine.Duplicates(ctx)
	if err != nil {
		return Rebuilt{}, err
	}
	attended, err := d.Store.Attended(ctx)
	if err != nil {
		return Rebuilt{}, err
	}
	b := rebuild{Duplicator: d, engine: engine, attended: attended, found: map[string]snapshot.Snapshot{}}
	known, err := d.Store.Remembered(ctx, b.asOwn(all))
	if err != nil {
		return Rebuilt{}, err
	}
	b.out = Rebuilt{Found: len(all), Known: len(known)}
	for _, dup := range all {
		if slices.ContainsFunc(known, func(k snapshot.Duplicate) bool { return k.Name == dup.Name }) {
			continue
		}
		if err := b.read(ctx, dup); err != nil {
			return b.out, err
		}
	}
	return b.write(ctx, by)
}

// rebuild is one run of Rebuild.
type rebuild struct {
	*Duplicator
	engine   string
	attended []string // engines that bots reach
	out      Rebuilt
	found    map[string]snapshot.Snapshot // by identity and moment
}

// own is the key of the same container on this engine, and whether its snapshots are this engine's. A snapshot with
// another engine's name is this one's when nobody reaches that engine: this one had that name before.
func (b *rebuild) own(key string) (string, bool) {
	engine, rest, _ := strings.Cut(key, "/")
	if engine != b.engine && slices.Contains(b.attended, engine) {
		return key, false
	}
	return b.engine + "/" + rest, true
}

func (b *rebuild) asOwn(list []snapshot.Duplicate) []snapshot.Duplicate {
	out := slices.Clone(list)
	for i := range out {
		out[i].Key, _ = b.own(out[i].Key)
	}
	return out
}

// read takes what a duplicate holds, or notes why not. It returns an error only when the engine does not answer.
func (b *rebuild) read(ctx context.Context, dup snapshot.Duplicate) error {
	s, why := b.mine(dup)
	if why == "" {
		has, err := b.Engine.HasImage(ctx, s.ImageID)
		if snapshot.Retryable(err) || ctx.Err() != nil {
			return err
		}
		if !has || err != nil {
			why = "its image is not on the engine any more"
		}
	}
	if why != "" {
		b.out.Left = append(b.out.Left, LeftOut{dup.Container, dup.Snapshot, why})
		return nil
	}
	at := fmt.Sprint(s.Key, s.CreatedAt.UnixMicro())
	if other, two := b.found[at]; !two || len(s.Changes) > len(other.Changes) { // the one with fewer changes is from before the deploy, and was about to be removed
		b.found[at] = s
	}
	return nil
}

// mine opens a duplicate, or says why this bot must not use it.
func (b *rebuild) mine(dup snapshot.Duplicate) (s snapshot.Snapshot, why string) {
	s, err := b.open(dup)
	if err != nil {
		return s, "it can't be opened: " + err.Error()
	}
	key, ours := b.own(s.Key)
	if !ours {
		return s, "it is of another engine, which a bot looks after"
	}
	s.Key = key
	was, err := b.Engine.Describe(s.Document)
	switch {
	case err != nil:
		return s, "its inspect document can't be read: " + err.Error()
	case !was.Enabled:
		return s, "its container was not this bot's to touch: see snapback.enable and SNAPBACK_ONLY"
	}
	return s, ""
}

func (b *rebuild) write(ctx context.Context, by snapshot.By) (Rebuilt, error) {
	list := make([]snapshot.Snapshot, 0, len(b.found))
	for _, s := range b.found {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b snapshot.Snapshot) int { return a.CreatedAt.Compare(b.CreatedAt) })
	if err := b.rename(ctx, list); err != nil {
		return b.out, err
	}
	occupants, err := b.occupants(list)
	if err != nil {
		return b.out, err
	}
	b.out.Added, err = b.Store.Readd(ctx, list, occupants, func(added []snapshot.Snapshot) incidents.Entry { return rebuiltEntry(added, b.out.Left, by) })
	if err != nil {
		return b.out, fmt.Errorf("writing the snapshots: %w", err)
	}
	b.tag(ctx)
	return b.out, nil
}

// rename finds other names for those that are taken.
func (b *rebuild) rename(ctx context.Context, list []snapshot.Snapshot) error {
	taken := map[string]bool{}
	for i := range list {
		s, n := &list[i], 1
		for name := s.Name; ; n++ {
			if n > 1 {
				s.Name = fmt.Sprintf("%s-%d", name, n)
			}
			_, err := b.Store.Snapshot(ctx, s.Key, s.Name)
			if err != nil && !errors.Is(err, snapshot.ErrUnknownSnapshot) {
				return err
			}
			if at := s.Key + "\n" + s.Name; err != nil && !taken[at] {
				taken[at] = true
				break
			}
		}
		s.ImageRef = b.Ref(s.Container, s.Name)
	}
	return nil
}

// occupants are the containers that were last seen under each identity. Without one, nobody could ask by its name for the
// snapshots of a container that is gone.
func (b *rebuild) occupants(list []snapshot.Snapshot) ([]snapshot.Occupant, error) {
	newest := map[string]snapshot.Occupant{}
	for _, s := range list { // the newest is the last
		was, err := b.Engine.Describe(s.Document)
		if err != nil {
			return nil, err
		}
		was.Key, was.Name = s.Key, s.Container
		newest[s.Key] = snapshot.Occupant{Container: was.Container, Labels: was.Labels, Document: s.Document}
	}
	occupants := make([]snapshot.Occupant, 0, len(newest))
	for _, s := range newest {
		occupants = append(occupants, s)
	}
	return occupants, nil
}

// tag keeps the images from being pruned. A restore goes by their IDs, and works without.
func (b *rebuild) tag(ctx context.Context) {
	for _, s := range b.out.Added {
		err := errors.Join(b.Engine.Tag(ctx, s.ImageID, s.ImageRef), b.Engine.TagMounted(ctx, s.Document, s.ImageRef))
		if err != nil {
			b.Logger.Warn("tagging a snapshot's image", "container", s.Container, "snapshot", s.Name, "err", err)
		}
	}
}

func rebuiltEntry(added []snapshot.Snapshot, left []LeftOut, by snapshot.By) incidents.Entry {
	names := map[string][]string{}
	for _, s := range added {
		names[s.Container] = append(names[s.Container], s.Name)
	}
	details, _ := incidents.Details(map[string]any{"snapshots": names, "left_out": len(left)}) // strings: always encodable
	return incidents.Entry{
		IncidentID: by.Incident, OccurredAt: time.Now(), Kind: incidents.KindSnapshotsRebuilt, Actor: by.Actor, Source: by.Source, Details: details,
		Summary: fmt.Sprintf("%s had the snapshots looked for on the engine: %d of %d containers are known again", by.Actor.Name, len(added), len(names)),
	}
}
