package watch

import (
	"context"
	"slices"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// look compares what the engine shows with what was last seen, and sets to work where they differ.
func (w *Watcher) look(ctx context.Context) error {
	to := w.lastEvent()
	engine, err := w.Engine.ID(ctx)
	if err != nil {
		return err
	}
	identities, err := w.identitiesOf(ctx, engine)
	if err != nil {
		return err
	}
	seen, err := w.Engine.Observe(ctx, seats(identities))
	if err != nil {
		return err
	}
	// Other bots' containers are looked at too: one that this bot may not touch is not gone.
	now, waiting := occupants(seen)
	if err := w.notePresent(ctx, engine, now, identities); err != nil {
		return err
	}
	w.compare(now, waiting, identities)
	if to.IsZero() {
		return nil
	}
	return w.Store.SeeEvents(ctx, engine, to)
}

func seats(identities []snapshot.Identity) []snapshot.Seat {
	out := make([]snapshot.Seat, 0, len(identities))
	for _, p := range identities {
		out = append(out, p.Seat)
	}
	return out
}

// occupants says which container each identity stands for, and which ones wait beside them.
func occupants(seen []snapshot.Observation) (now map[string]snapshot.Observation, waiting []snapshot.Observation) {
	now = map[string]snapshot.Observation{}
	for _, s := range seen {
		if s.Waits {
			waiting = append(waiting, s)
			continue
		}
		now[s.Key] = s
	}
	return now, waiting
}

// notePresent writes down who has gone or come back, if anybody has.
func (w *Watcher) notePresent(ctx context.Context, engine string, now map[string]snapshot.Observation, identities []snapshot.Identity) error {
	changed := slices.ContainsFunc(identities, func(p snapshot.Identity) bool {
		s, there := now[p.Key]
		return there != p.GoneAt.IsZero() || there && s.Others == slices.Contains(p.Scopes, w.Scope)
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
	return w.Store.NotePresent(ctx, engine, keys, w.Scope, within)
}

func (w *Watcher) compare(now map[string]snapshot.Observation, waiting []snapshot.Observation, identities []snapshot.Identity) {
	known := map[string]snapshot.Identity{}
	for _, p := range identities {
		known[p.Key] = p
	}
	list := make([]watched, 0, len(now))
	for key, s := range now {
		if s.Others {
			continue
		}
		p, ok := known[key]
		list = append(list, watched{p, s})
		renamed := p.Name != s.Name && s.Beside == 0 // while two run, tools call them by turns
		if ok && p.ContainerID == s.ID && !renamed {
			continue
		}
		again := slices.Contains(p.Former, s.ID)
		w.queueDeploy(key, func(ctx context.Context) error { return w.arrived(ctx, s, again) })
	}
	for _, p := range identities {
		if heir, ok := doubled(p, now, known); ok {
			w.queueDeploy(heir.Key, func(ctx context.Context) error { return w.dissolve(ctx, p.Key, heir, p.ContainerID) })
		}
	}
	for _, s := range waiting {
		if !s.Others && w.lasting(s) {
			w.queueDeploy(s.Key, func(ctx context.Context) error { return w.arrived(ctx, s, false) })
		}
	}
	w.remember(list, waiting)
}

// doubled says that a container stands for another identity, and has this one left over. That is so when it was about to get a place
// of its own at the very moment at which it took another one's.
func doubled(p snapshot.Identity, now map[string]snapshot.Observation, known map[string]snapshot.Identity) (heir snapshot.Observation, ok bool) {
	if _, there := now[p.Key]; there || p.Settled {
		return heir, false
	}
	for key, s := range now {
		if s.ID == p.ContainerID && !s.Others && known[key].ContainerID == s.ID && known[key].SeenAt.Before(p.SeenAt) {
			return s, true
		}
	}
	return heir, false
}

// lasting says that a container beside another one of its line is there to stay. Until then one of them may be about to be
// removed: tools replace containers that way.
func (w *Watcher) lasting(s snapshot.Observation) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	since, ok := w.noticed[s.ID]
	if !ok {
		w.noticed[s.ID] = time.Now()
		w.lookIn(w.BaselineAfter)
	}
	return ok && s.Alive() && time.Since(since) >= w.BaselineAfter
}
