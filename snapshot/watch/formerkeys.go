package watch

import (
	"context"
	"errors"
	"slices"

	"github.com/snapback/snapback/snapshot"
)

// Earlier releases knew containers by their names and by Compose's labels alone. What they wrote down of a container that has
// another key since is moved to that, before anybody is looked for in its place: else nothing from before would be offered
// for what runs. Snapshots that were found on the engine again may have such a key as well.

// former is an identity under the key of an earlier release.
type former struct {
	was     string
	of      snapshot.Container // with the key that it has now
	present bool               // on the engine it runs
}

// identitiesOf are those on record, once those with keys of earlier releases have been moved. What can't be moved now stays where it is.
func (w *Watcher) identitiesOf(ctx context.Context, engine string) ([]snapshot.Identity, error) {
	identities, err := w.Store.Identities(ctx, engine)
	if err != nil {
		return nil, err
	}
	found, err := w.formers(ctx, identities)
	if err != nil || len(found) == 0 {
		return identities, err
	}
	for _, f := range found {
		err := w.rekey(ctx, f)
		if snapshot.Retryable(err) || errors.Is(err, snapshot.ErrElsewhere) {
			return nil, err // before anybody gets a place of his own that is not one
		}
		if err != nil {
			w.Logger.Warn("what an earlier release has kept stays under its former key", "key", f.was, "err", err)
			w.lookIn(w.Every)
		}
	}
	return w.Store.Identities(ctx, engine)
}

// formers are those with keys of earlier releases: those that run first, then the newest, since the first of several that have
// become one is the one that stands for it. So none is left out because it could not be read just now.
func (w *Watcher) formers(ctx context.Context, identities []snapshot.Identity) ([]former, error) {
	var found []former
	for _, p := range identities {
		if w.isKeyed(p.Key) {
			continue
		}
		f, moved, err := w.formerOf(ctx, p)
		switch {
		case err != nil && (snapshot.Retryable(err) || ctx.Err() != nil):
			return nil, err
		case err != nil: // one that can't be read keeps nobody from watching the others
			w.Logger.Warn("whether a container has a key of an earlier release can't be told", "key", p.Key, "err", err)
		case moved:
			found = append(found, f)
		default:
			w.setKeyed(p.Key, true)
		}
	}
	slices.SortFunc(found, func(a, b former) int {
		if a.present != b.present {
			return map[bool]int{true: -1, false: 1}[a.present]
		}
		return b.of.CreatedAt.Compare(a.of.CreatedAt)
	})
	return found, nil
}

// formerOf reads the document on record; of one that has none, the engine's.
func (w *Watcher) formerOf(ctx context.Context, p snapshot.Identity) (f former, moved bool, err error) {
	on, err := w.Store.Occupant(ctx, p.Key)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	document := on.Document
	if len(document) == 0 {
		now, err := w.asked(ctx, p.ContainerID)
		if document = now.Document; err != nil || len(document) == 0 {
			return f, false, err
		}
	}
	key, c, err := w.Engine.FormerKey(document)
	if err != nil || key != p.Key || c.Key == key {
		return f, false, err
	}
	now, err := w.asked(ctx, p.ContainerID)
	if err != nil && !snapshot.Retryable(err) && ctx.Err() == nil {
		now, err = snapshot.Inspection{}, nil // it runs or not: nobody can say, and it moves all the same
	}
	return former{p.Key, c, now.State == "running"}, true, err
}

// asked inspects a container. Of one that is gone it tells nothing.
func (w *Watcher) asked(ctx context.Context, id string) (snapshot.Inspection, error) {
	now, err := w.inspect(ctx, id)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return snapshot.Inspection{}, nil
	}
	return now, err
}

func (w *Watcher) rekey(ctx context.Context, f former) error {
	err := w.Store.Alone(ctx, f.was, func(ctx context.Context) error { return w.Store.Rekey(ctx, f.was, f.of) })
	if err == nil {
		w.Logger.Info("what was kept under a former key has moved", "container", f.of.Name, "was", f.was, "key", f.of.Key)
	}
	return err
}

func (w *Watcher) isKeyed(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keyed[key]
}

func (w *Watcher) setKeyed(key string, is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keyed[key] = is
}
