package recovery_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/recovery"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

// narrowSafe is an engine on which only one test's duplicates are to be seen. While it is closed it takes no new ones.
type narrowSafe struct {
	*docker.Engine
	token  string
	closed atomic.Bool
}

func (s *narrowSafe) Duplicates(ctx context.Context) ([]snapshot.Duplicate, error) {
	all, err := s.Engine.Duplicates(ctx)
	return slices.DeleteFunc(all, func(d snapshot.Duplicate) bool { return !strings.Contains(d.Container, s.token) }), err
}

func (s *narrowSafe) AddDuplicate(ctx context.Context, d snapshot.Duplicate) error {
	if s.closed.Load() {
		return errors.New("the safe is closed")
	}
	return s.Engine.AddDuplicate(ctx, d)
}

// duplicate makes the kit one whose taker keeps duplicates.
func (k *kit) duplicate(ring *keyring.Ring) (*recovery.Duplicator, *narrowSafe) {
	k.T.Helper()
	safe := &narrowSafe{Engine: k.Engine(), token: k.Name("")}
	d := recovery.New(recovery.Config{Engine: safe, Store: k.DB, Keys: ring, Ref: docker.Ref, Every: 100 * time.Millisecond})
	k.Taker = capture.New(capture.Config{Engine: k.Engine(), Ref: docker.Ref, Store: d.Snapshots(), Lock: k.DB, Audit: k.DB})
	k.Restorer = k.NewRestorer("duplicating")
	return d, safe
}

// loseDatabase goes on with an empty one, and the same keys.
func (k *kit) loseDatabase(ring *keyring.Ring) *recovery.Duplicator {
	k.T.Helper()
	db := storetest.Open(k.T, storetest.URL(k.T), ring)
	k.DB = db
	d, _ := k.duplicate(ring)
	return d
}

func (k *kit) duplicates(safe *narrowSafe) []string {
	names := []string{}
	for _, d := range snapshottest.Must(safe.Duplicates(k.T.Context())) {
		names = append(names, d.Snapshot)
	}
	slices.Sort(names)
	return names
}

func (k *kit) reconcile(d *recovery.Duplicator) {
	d.Start()
	k.T.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			k.T.Error(err)
		}
	})
}

func TestSnapshotsAreFoundAgainWhenTheDatabaseIsLost(t *testing.T) {
	k, ring := setup(t), snapshottest.NewRing(t)
	d, safe := k.duplicate(ring)
	one, two, api := k.Server("shop:1"), k.Server("shop:2"), k.Name("api")
	stop := k.Watch(func(c *watch.Config) { c.Deploys = d.Deploys(k.DB) })
	id := k.Run(api, "--env", "API_KEY=topsecret4711", one)
	k.AwaitBaseline(k.Key(api), id)
	k.Docker("exec", api, "/app", "touch", "/tmp/written")
	k.Docker("kill", "--signal", "ABRT", api)
	k.Docker("wait", api)
	_, err := k.Taker.Take(t.Context(), k.Container(api), snapshot.TakeRequest{
		Name: "by-hand", Note: "before the migration", Pinned: true, ExpiresIn: time.Hour, By: k.By(),
	})
	if err != nil {
		t.Fatal(err)
	}
	k.Docker("rm", "-f", api)
	k.Run(api, "--env", "DB_POOL=2", two)
	kept := k.AwaitDeploys(k.Key(api), 1)[0].Snapshot
	k.Until("what the deploy changed is duplicated", func() bool { // the older duplicate stays until the next mending
		return len(slices.DeleteFunc(k.duplicates(safe), func(name string) bool { return name != kept })) == 2
	})
	stop()
	want := snapshottest.Must(k.DB.Snapshots(t.Context(), k.Key(api)))
	if i := slices.IndexFunc(want, func(s snapshot.Snapshot) bool { return s.Name == "by-hand" }); want[i].Unwell == "" {
		t.Errorf("%s says nothing of the crash", want[i].Name)
	}
	if all := k.Docker("volume", "ls", "-q", "--filter", "name="+api); strings.Contains(k.Docker(append([]string{"volume", "inspect"}, strings.Fields(all)...)...), "topsecret") {
		t.Error("a secret lies on the engine in the clear")
	}

	d = k.loseDatabase(ring)
	got, err := d.Rebuild(t.Context(), k.By())
	if err != nil || len(got.Added) != len(want) || len(got.Left) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	found := snapshottest.Must(k.DB.Snapshots(t.Context(), k.Key(api)))
	since := cmpopts.IgnoreFields(snapshot.Snapshot{}, "ID", "LastSeenAt", "RanFor") // what was noted after they were taken is lost
	if diff := cmp.Diff(want, found, since); diff != "" {
		t.Errorf("snapshots before and after (-want +got):\n%s", diff)
	}
	if !slices.ContainsFunc(found, func(s snapshot.Snapshot) bool { return s.RanFor > 0 }) {
		t.Error("of none it is known how long it ran when it was taken")
	}
	again, err := d.Rebuild(t.Context(), k.By())
	if err != nil || len(again.Added) != 0 || again.Known != again.Found {
		t.Errorf("the second time: %+v, %v", again, err)
	}
	if diff := cmp.Diff([]incidents.Kind{incidents.KindSnapshotsRebuilt}, k.Kinds()); diff != "" {
		t.Errorf("the timeline (-want +got):\n%s", diff)
	}
	rest := k.Restore(k.Container(api), kept)
	if rest.State != restore.Verified || len(rest.Unexpected()) != 0 {
		t.Errorf("restored: %s %s %+v", rest.State, rest.Error, rest.Unexpected())
	}
	if !slices.Contains(k.Env(api), "API_KEY=topsecret4711") {
		t.Error("it is not the container from before")
	}
}

func TestSnapshotsOfAContainerThatIsGoneCanBeRestoredAfterALoss(t *testing.T) {
	k, ring := setup(t), snapshottest.NewRing(t)
	k.duplicate(ring)
	api := k.Name("api")
	k.Run(api, k.Server("shop"))
	s := k.Take(api)
	k.Docker("rm", "-f", api)
	d := k.loseDatabase(ring)
	if got, err := d.Rebuild(t.Context(), k.By()); err != nil || len(got.Added) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	known := snapshottest.Must(k.DB.KnownContainers(t.Context(), ""))
	if len(known) != 1 || known[0].Name != api || known[0].State != "gone" {
		t.Fatalf("known: %+v", known)
	}
	if rest := k.Restore(snapshot.Container{Key: known[0].Key, Name: known[0].Name}, s.Name); rest.State != restore.Verified {
		t.Errorf("restored: %s %s", rest.State, rest.Error)
	}
}

func TestRebuildSaysWhatItCannotUse(t *testing.T) {
	k, ring := setup(t), snapshottest.NewRing(t)
	k.duplicate(ring)
	api := k.Name("api")
	k.Run(api, k.Server("shop"))
	k.TakeNamed(api, "still-there")
	k.Docker("exec", api, "/app", "touch", "/tmp/written")
	gone := k.TakeNamed(api, "gone")
	k.Docker("rmi", gone.ImageRef)

	stranger := k.loseDatabase(snapshottest.NewRing(t))
	got, err := stranger.Rebuild(t.Context(), k.By())
	if err != nil || len(got.Added) != 0 || len(got.Left) != 2 || !strings.Contains(got.Left[0].Why, "can't be opened") {
		t.Errorf("with other keys: %+v, %v", got, err)
	}
	if kinds := k.Kinds(); len(kinds) != 0 {
		t.Errorf("nothing was added, and the timeline has %v", kinds)
	}
	d := k.loseDatabase(ring)
	if got, err = d.Rebuild(t.Context(), k.By()); err != nil {
		t.Fatal(err)
	}
	want := []recovery.LeftOut{{Container: api, Snapshot: "gone", Why: "its image is not on the engine any more"}}
	if diff := cmp.Diff(want, got.Left); diff != "" || len(got.Added) != 1 {
		t.Errorf("added %d (-want +got):\n%s", len(got.Added), diff)
	}
}

func TestNameGivenAnewKeepsBothSnapshots(t *testing.T) {
	k, ring := setup(t), snapshottest.NewRing(t)
	k.duplicate(ring)
	api := k.Name("api")
	k.Run(api, "--env", "ROUND=1", k.Server("shop:1"))
	old := k.TakeNamed(api, "golden")
	k.Docker("rm", "-f", api)
	k.Run(api, "--env", "ROUND=2", k.Server("shop:2"))
	d := k.loseDatabase(ring)
	k.TakeNamed(api, "golden")
	for range 2 {
		if _, err := d.Rebuild(t.Context(), k.By()); err != nil {
			t.Fatal(err)
		}
	}
	list := snapshottest.Must(k.DB.Snapshots(t.Context(), k.Key(api)))
	if len(list) != 2 || list[1].Name != "golden-2" || list[1].ImageID != old.ImageID || list[1].CreatedAt != old.CreatedAt.Truncate(time.Microsecond) {
		t.Fatalf("snapshots: %+v", list)
	}
	if tags := k.Tags(api); !slices.Contains(tags, "golden") || !slices.Contains(tags, "golden-2") {
		t.Errorf("tags: %v", tags)
	}
	k.reconcile(d)
	k.Until("its duplicate has the new name", func() bool {
		return slices.Equal(k.duplicates(&narrowSafe{Engine: k.Engine(), token: k.Name("")}), []string{"golden", "golden-2"})
	})
}

func TestDuplicateGoesWithItsSnapshotAndComesBackWhenSomebodyRemovesIt(t *testing.T) {
	k, ring := setup(t), snapshottest.NewRing(t)
	d, safe := k.duplicate(ring)
	api := k.Name("api")
	k.Run(api, k.Server("shop"))
	k.TakeNamed(api, "a")
	k.TakeNamed(api, "b")
	if err := k.Taker.Delete(t.Context(), k.Key(api), "a", k.By()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b"}, k.duplicates(safe)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	volume := k.Docker("volume", "ls", "-q", "--filter", "name="+api)
	k.Docker("volume", "rm", volume)
	k.reconcile(d)
	k.Until("the duplicate is there again", func() bool { return k.Docker("volume", "ls", "-q", "--filter", "name="+api) == volume })
}

func TestSnapshotIsTakenAlthoughItsDuplicateCannotBeKept(t *testing.T) {
	k, ring := setup(t), snapshottest.NewRing(t)
	d, safe := k.duplicate(ring)
	api := k.Name("api")
	k.Run(api, k.Server("shop"))
	safe.closed.Store(true)
	k.TakeNamed(api, "a")
	if got := k.duplicates(safe); len(got) != 0 {
		t.Fatalf("duplicates: %v", got)
	}
	k.reconcile(d)
	safe.closed.Store(false)
	k.Until("the duplicate is kept after all", func() bool { return len(k.duplicates(safe)) == 1 })
}

func TestMendingLeavesTheDuplicatesOfALostDatabaseAlone(t *testing.T) {
	k, ring := setup(t), snapshottest.NewRing(t)
	_, safe := k.duplicate(ring)
	api := k.Name("api")
	k.Run(api, k.Server("shop"))
	k.TakeNamed(api, "of-the-lost-one")
	d := k.loseDatabase(ring)
	k.reconcile(d)
	k.TakeNamed(api, "of-the-new-one")
	for range 5 { // each is a whole round of mending, since it brings the duplicate back
		mine := snapshottest.Must(safe.Duplicates(t.Context()))
		i := slices.IndexFunc(mine, func(d snapshot.Duplicate) bool { return d.Snapshot == "of-the-new-one" })
		if err := safe.RemoveDuplicate(t.Context(), mine[i].Name); err != nil {
			t.Fatal(err)
		}
		k.Until("both are there", func() bool {
			return slices.Equal(k.duplicates(safe), []string{"of-the-lost-one", "of-the-new-one"})
		})
	}
}

// otherEngine is an engine that calls itself something else.
type otherEngine struct {
	*narrowSafe
	id string
}

func (e otherEngine) ID(context.Context) (string, error) { return e.id, nil }

func TestMendingLeavesTheDuplicatesOfAnotherEngineAlone(t *testing.T) {
	k, ring := setup(t), snapshottest.NewRing(t)
	_, safe := k.duplicate(ring)
	api := k.Name("api")
	k.Run(api, k.Server("shop"))
	k.TakeNamed(api, "of-before")
	rounds, enough := 0, make(chan struct{})
	other := otherEngine{safe, "3c0b7a52-5a4f-4b41-93f0-7f6b1f4f1d5e"}
	d := recovery.New(recovery.Config{
		Engine: other, Store: countedStore{k.DB, func() {
			if rounds++; rounds == 3 {
				close(enough)
			}
		}}, Keys: ring, Ref: docker.Ref, Every: 20 * time.Millisecond,
	})
	k.reconcile(d)
	select {
	case <-enough:
	case <-time.After(2 * time.Minute):
		t.Fatal("nothing is mended")
	}
	if diff := cmp.Diff([]string{"of-before"}, k.duplicates(safe)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// countedStore calls begun at every round of mending.
type countedStore struct {
	*store.DB
	begun func()
}

func (s countedStore) ToDuplicate(ctx context.Context, engine string) ([]snapshot.Snapshot, error) {
	s.begun()
	return s.DB.ToDuplicate(ctx, engine)
}
