package restore_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// deedEngine is the real engine, which remembers what it was made to do, and what the timeline said at that moment.
type deedEngine struct {
	restore.ContainerEngine
	said func() []incidents.Kind

	mu    sync.Mutex // guards deeds
	deeds []deed
}

type deed struct {
	what string
	said []incidents.Kind
}

func (e *deedEngine) note(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deeds = append(e.deeds, deed{what, e.said()})
}

func (e *deedEngine) Create(ctx context.Context, name string, spec snapshot.Spec) (string, error) {
	e.note("create")
	return e.ContainerEngine.Create(ctx, name, spec)
}

func (e *deedEngine) SetRestartPolicy(ctx context.Context, id string, p snapshot.RestartPolicy) error {
	e.note("restart policy")
	return e.ContainerEngine.SetRestartPolicy(ctx, id, p)
}

func (e *deedEngine) Stop(ctx context.Context, id string, timeout time.Duration) error {
	e.note("stop")
	return e.ContainerEngine.Stop(ctx, id, timeout)
}

func (e *deedEngine) Start(ctx context.Context, id string) error {
	e.note("start")
	return e.ContainerEngine.Start(ctx, id)
}

func (e *deedEngine) Rename(ctx context.Context, id, name string) error {
	e.note("rename")
	return e.ContainerEngine.Rename(ctx, id, name)
}

func (e *deedEngine) Remove(ctx context.Context, id string) error {
	e.note("remove")
	return e.ContainerEngine.Remove(ctx, id)
}

// muteJournal can't write an audit entry.
type muteJournal struct{ restore.Journal }

var errMute = errors.New("no room on the disk")

func (muteJournal) Open(context.Context, restore.Restore, string) (restore.Restore, bool, error) {
	return restore.Restore{}, false, errMute
}

// Guarantee 2: before the engine is made to do anything, the timeline says who wants what.
func TestRestoreIsAuditedBeforeTheEngineIsCalled(t *testing.T) {
	k := setup(t)
	engine := &deedEngine{ContainerEngine: k.Engine(), said: k.Kinds}
	k.Restorer = k.restorerWith(engine, k.DB)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	snap := k.Take(api)
	k.Restore(k.Container(api), snap.Name)
	want := []incidents.Kind{
		"snapshot.requested", "snapshot.taken", "restore.requested", "restore.state", "restore.state", "restore.state",
		"restore.state", "restore.verified",
	}
	if diff := cmp.Diff(want, k.Kinds()); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	if !slices.ContainsFunc(engine.deeds, func(d deed) bool { return d.what == "start" }) {
		t.Fatalf("the engine did %v", engine.deeds)
	}
	for _, d := range engine.deeds {
		if !slices.Contains(d.said, "restore.requested") {
			t.Errorf("%s came when the timeline said %v", d.what, d.said)
		}
	}
}

// Guarantee 2: without the entry nothing is done.
func TestRestoreThatCannotBeAuditedDoesNothing(t *testing.T) {
	k := setup(t)
	engine := &deedEngine{ContainerEngine: k.Engine(), said: k.Kinds}
	k.Restorer = k.restorerWith(engine, muteJournal{k.DB})
	api := k.Name("api")
	id := k.Run(api, k.Image("good", `CMD ["/app"]`))
	snap := k.Take(api)
	if _, err := k.Restorer.Request(t.Context(), restore.Ask{Force: true, Container: k.Container(api), Snapshot: snap.Name, By: k.By()}); !errors.Is(err, errMute) {
		t.Errorf("the restore: %v", err)
	}
	if err := k.Restorer.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := k.Container(api); len(engine.deeds) != 0 || now.ID != id || now.State != "running" {
		t.Errorf("the engine did %v, and the container is %+v", engine.deeds, now)
	}
}
