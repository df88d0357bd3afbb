package terminal

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	followEvery = 10 * time.Second // while a shell lives; one command in the container
	followTime  = 8 * time.Second
	maxFamily   = 4096 // processes that are remembered; a fork bomb's are marked anyway
)

// family is what is known to come from a shell: what bears its marks, and what has come from that, since it was seen
// while its parent lived. It is known by PID and start time, and can be used by several goroutines.
type family struct {
	mu      sync.Mutex // guards members
	members map[string]process
}

func newFamily() *family { return &family{members: map[string]process{}} }

// follow takes in what is in the container now, and returns which of it comes from the shell. Who is gone is forgotten.
func (f *family) follow(all []process) []process {
	f.mu.Lock()
	defer f.mu.Unlock()
	mine := map[string]process{}
	children := map[string][]process{}
	var next []process
	for _, p := range all {
		children[p.parent] = append(children[p.parent], p)
		if _, known := f.members[p.id()]; known || p.marked {
			next = append(next, p)
		}
	}
	for len(next) > 0 && len(mine) < maxFamily {
		p := next[0]
		next = next[1:]
		if _, seen := mine[p.id()]; !seen {
			mine[p.id()] = p
			next = append(next, children[p.pid]...)
		}
	}
	f.members = mine
	return sorted(mine)
}

func sorted(m map[string]process) []process {
	return slices.SortedFunc(maps.Values(m), func(a, b process) int { return strings.Compare(a.id(), b.id()) })
}

// victims are the members as reaper takes them. Those that bear a mark it finds by itself.
func (f *family) victims() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for id, p := range f.members {
		if !p.marked {
			out = append(out, id)
		}
	}
	return strings.Join(out, " ")
}

// follow looks at the shell's descendants while it lives. Nothing else would know those that have laid down every mark once
// their parents are gone. That it could not look is nothing to tell anybody: the container may be too busy.
func (sh *shell) follow(ctx context.Context) {
	tick := time.NewTicker(sh.l.svc.cfg.Follow)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		looking, cancel := context.WithTimeout(ctx, followTime)
		if _, err := reap(looking, sh.l.svc.cfg.Engine, sh.rec, sh.family, "", ""); err != nil && ctx.Err() == nil {
			sh.l.svc.log.Debug("processes of a shell not followed", "session", sh.l.sess.ID, "err", err)
		}
		cancel()
	}
}
