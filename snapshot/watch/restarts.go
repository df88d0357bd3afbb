package watch

import (
	"slices"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// restarts remembers the starts and ends of containers, since the engine tells no times of those that are over. It is in
// memory: what happened while the bot was away is not known, and Since says so.
type restarts struct {
	mu    sync.Mutex // guards what follows
	since time.Time  // from when on nothing was missed; zero: nothing is seen now
	of    map[string]*life
}

// life is what one container has gone through lately.
type life struct {
	starts []time.Time // each after an end
	last   snapshot.Ending
	down   bool      // it has ended, and not started since
	oom    time.Time // when its memory ran out last
}

// maxStarts is how many starts are kept of one container. A program that ends at once is restarted some 70 times an hour.
const maxStarts = 500

// oomEnds is how soon a container ends that lost its first process because memory ran out. When it lost another one, it may
// end much later, for another reason.
const oomEnds = 10 * time.Second

// begin says that from now on all is seen.
func (r *restarts) begin(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since = now
	if r.of == nil {
		r.of = map[string]*life{}
	}
}

// note takes an event.
func (r *restarts) note(e snapshot.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.of[e.ContainerID]
	if l == nil {
		l = &life{}
	}
	switch e.Action {
	case "oom":
		l.oom = e.At
	case "die":
		killed := !l.oom.IsZero() && e.At.Sub(l.oom) < oomEnds
		l.last, l.down = snapshot.Ending{At: e.At, ExitCode: e.ExitCode, OutOfMemory: killed}, true
	case "start":
		if l.down {
			l.starts = append(l.starts, e.At)
			l.starts = l.starts[max(0, len(l.starts)-maxStarts):]
		}
		l.down = false
	case "destroy":
		delete(r.of, e.ContainerID)
		return
	default:
		return
	}
	r.of[e.ContainerID] = l
}

// count counts from then on.
func (r *restarts) count(id string, from time.Time) snapshot.Restarts {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := snapshot.Restarts{Since: from}
	if r.since.After(from) {
		out.Since = r.since
	}
	l := r.of[id]
	if l == nil {
		return out
	}
	first, _ := slices.BinarySearchFunc(l.starts, out.Since, time.Time.Compare)
	out.Times = len(l.starts) - first
	if !l.last.At.Before(out.Since) {
		out.Last = l.last
	}
	return out
}

// forget drops the starts from before then, and containers of which nothing is left to tell.
func (r *restarts) forget(before time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, l := range r.of {
		if l.last.At.Before(before) && l.oom.Before(before) {
			delete(r.of, id)
		}
	}
}

// Restarts counts a container's restarts, by the engine's full ID, from then on, or since when it has been watched.
func (w *Watcher) Restarts(id string, since time.Time) snapshot.Restarts {
	return w.restarts.count(id, since)
}
