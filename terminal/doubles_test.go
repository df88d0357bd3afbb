package terminal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

// clock is the real one, moved forward on request.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// gate lets everybody through until it is told otherwise.
type gate struct {
	refusal atomic.Pointer[error]
	shells  atomic.Pointer[error]  // refuses shells alone; nil or nil in it: it does not
	asked   atomic.Int64           // times
	during  atomic.Pointer[func()] // what happens while it is asked; nil: nothing
	shell   atomic.Pointer[func()] // what happens while it is asked about the next shell; nil: nothing
}

func (g *gate) refuse(err error) { g.refusal.Store(&err) }

func (g *gate) allow() { g.refusal.Store(nil) }

func (g *gate) CheckNote(ctx context.Context, v access.Grant) error { return g.Check(ctx, v) }

func (g *gate) CheckShell(ctx context.Context, v access.Grant) error {
	if during := g.shell.Swap(nil); during != nil {
		(*during)()
	}
	if err := g.shells.Load(); err != nil && *err != nil {
		return *err
	}
	return g.Check(ctx, v)
}

func (g *gate) refuseShells(err error) { g.shells.Store(&err) }

func (g *gate) Check(context.Context, access.Grant) error {
	g.asked.Add(1)
	defer func() {
		if during := g.during.Swap(nil); during != nil {
			(*during)()
		}
	}()
	if err := g.refusal.Load(); err != nil {
		return *err
	}
	return nil
}

// entry is what was recorded.
type entry struct {
	Incident int64
	Kind     incidents.Kind
	Summary  string
	Details  map[string]any
	Document json.RawMessage // the same, as it is kept
	At       time.Time       // zero: when it is recorded
	Native   string
}

type timeline struct {
	mu      sync.Mutex
	entries []entry
	err     error
	during  atomic.Pointer[func(incidents.Entry)] // what happens while an entry is recorded; nil: nothing
	untold  atomic.Pointer[error]                 // why it does not take what has become of a shell; nil: it does
}

func (tl *timeline) Record(_ context.Context, e incidents.Entry) (incidents.Entry, error) {
	if during := tl.during.Load(); during != nil {
		(*during)(e)
	}
	tl.mu.Lock()
	defer tl.mu.Unlock()
	if tl.err != nil {
		return e, tl.err
	}
	var details map[string]any
	err := json.Unmarshal(e.Details, &details)
	tl.entries = append(tl.entries, entry{e.IncidentID, e.Kind, e.Summary, details, e.Details, e.OccurredAt, e.Source.NativeID})
	return e, err
}

// RecordOnce knows an entry by its kind and source.
func (tl *timeline) RecordOnce(ctx context.Context, e incidents.Entry) (incidents.Entry, error) {
	if err := tl.untold.Load(); err != nil {
		return e, *err
	}
	for _, has := range tl.of(e.Kind) {
		if has.Native == e.Source.NativeID {
			return e, nil
		}
	}
	return tl.Record(ctx, e)
}

func (tl *timeline) fail(err error) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	tl.err = err
}

func (tl *timeline) kinds() []incidents.Kind {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	var out []incidents.Kind
	for _, e := range tl.entries {
		out = append(out, e.Kind)
	}
	return out
}

func (tl *timeline) of(kind incidents.Kind) []entry {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(tl.entries), func(e entry) bool { return e.Kind != kind })
}

func (tl *timeline) last(kind incidents.Kind) entry {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	var found entry
	for _, e := range tl.entries {
		if e.Kind == kind {
			found = e
		}
	}
	return found
}

// engine is the real one, which counts the commands with a TTY.
type engine struct {
	*docker.Terminal
	execs atomic.Int64
}

func (e *engine) Exec(ctx context.Context, id string, s terminal.ExecSpec) (terminal.Exec, error) {
	e.execs.Add(1)
	return e.Terminal.Exec(ctx, id, s)
}

var errLost = fmt.Errorf("%w: the answer was lost", terminal.ErrStoreAway)

// faultyStore is the real one, whose recordings fail on request.
type faultyStore struct {
	*store.TerminalStore
	pool    *pgxpool.Pool
	failing atomic.Pointer[error]
	hangs   atomic.Bool            // recordings are not answered at all
	lost    atomic.Pointer[string] // the next chunk with that in it is stored, and its answer is lost; nil: none
	unnoted atomic.Pointer[error]  // why it is not noted of which processes a shell is; nil: it is
}

func (s *faultyStore) PutShell(ctx context.Context, sh terminal.ShellRecord) error {
	if err := s.unnoted.Load(); err != nil && sh.SID != 0 {
		return *err
	}
	return s.TerminalStore.PutShell(ctx, sh)
}

// lose has the answer of the next chunk with a text in it get lost.
func (s *faultyStore) lose(text string) { s.lost.Store(&text) }

func (s *faultyStore) AppendRecording(ctx context.Context, id string, seq int, chunk []byte) error {
	if err := s.failing.Load(); err != nil {
		return *err
	}
	if s.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	err := s.TerminalStore.AppendRecording(ctx, id, seq, chunk)
	if text := s.lost.Load(); text != nil && strings.Contains(string(chunk), *text) && s.lost.CompareAndSwap(text, nil) {
		return errors.Join(err, errLost)
	}
	return err
}
