package recovery_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
)

// tool makes containers as a deploy tool does, and says which key they have.
type tool struct {
	run   func(k *kit, version, image string) (name, id string)
	key   func(k *kit) string
	leave func(k *kit, id string) // what it does with the one before
}

var kamal = tool{(*kit).kamal, func(k *kit) string { return "kamal/" + k.Name("shop") + "/web" }, func(k *kit, id string) { k.Docker("stop", "-t", "1", id) }}

var coolify = tool{(*kit).coolify, func(k *kit) string { return "coolify/7/" + k.Name("shop") }, func(k *kit, id string) { k.Docker("rm", "-f", id) }}

// kamal is a container as Kamal runs it.
func (k *kit) kamal(version, image string) (name, id string) {
	name = k.Name("shop") + "-web-" + version
	return name, k.Run(name, "--label", "service="+k.Name("shop"), "--label", "role=web", "--label", "destination=", "-e", "V="+version, image)
}

// coolify is a container as Coolify runs it: with a new Compose service at each deploy.
func (k *kit) coolify(version, image string) (name, id string) {
	name = k.Name("shop") + "-22550" + strings.TrimPrefix(version, "b")
	return name, k.Run(name, "--label", "coolify.managed=true", "--label", "coolify.applicationId=7", "--label", "com.docker.compose.project="+k.Name("shop"),
		"--label", "com.docker.compose.service="+name, "--label", "com.docker.compose.container-number=1", "--label", "com.docker.compose.oneoff=False", "-e", "V="+version, image)
}

// keptByName writes down of a container what a release did that knew it by its name, or by Compose's labels: who was seen, and a baseline.
func (k *kit) keptByName(name, baseline string) {
	k.T.Helper()
	in := snapshottest.Must(k.Engine().Inspect(k.T.Context(), name))
	former, _, err := k.Engine().FormerKey(in.Document)
	if err != nil {
		k.T.Fatal(err)
	}
	in.Key, in.Own, in.Config = former, "", ""
	on := snapshot.Occupant{Container: in.Container, Labels: in.Labels, Document: in.Document}
	if err := k.DB.SetOccupant(k.T.Context(), on); err != nil {
		k.T.Fatal(err)
	}
	if _, err := k.Taker.Take(k.T.Context(), in.Container, snapshot.TakeRequest{Name: baseline, Reason: snapshot.Baseline, By: k.By()}); err != nil {
		k.T.Fatal(err)
	}
}

// byName is an engine with two containers of a tool, which has done with the first, and a database that knows them by their former
// keys. Their baselines are called the same.
func (k *kit) byName(tool tool) (key, name string, ids []string) {
	image := k.Server("shop")
	for _, version := range []string{"b0", "b1"} {
		var id string
		name, id = tool.run(k, version, image)
		k.keptByName(name, "baseline-2255")
		ids = append(ids, id)
	}
	tool.leave(k, ids[0])
	return snapshottest.Must(k.Engine().ID(k.T.Context())) + "/" + tool.key(k), name, ids
}

func longRun(c *watch.Config) { c.LongRun, c.Every = time.Millisecond, 200*time.Millisecond }

func TestSnapshotsFromBeforeLineagesMoveToThem(t *testing.T) {
	for name, tool := range map[string]tool{"Kamal": kamal, "Coolify": coolify} {
		t.Run(name, func(t *testing.T) { snapshotsMove(t, tool) })
	}
}

func snapshotsMove(t *testing.T, tool tool) {
	k, ring := setup(t), snapshottest.NewRing(t)
	k.DB = storetest.Open(t, storetest.URL(t), ring)
	k.Remember(k.DB)
	d, safe := k.duplicate(ring)
	key, name, ids := k.byName(tool)
	former := snapshottest.Must(safe.Duplicates(t.Context()))
	k.Watch(longRun)
	k.Until("both baselines are in one line", func() bool { return len(k.Of(key, snapshot.Baseline)) == 2 })
	k.movedWhole(key, ids)
	k.reconcile(d)
	k.Until("the duplicates bear the key", func() bool {
		all := snapshottest.Must(safe.Duplicates(t.Context()))
		return len(all) == 2 && !slices.ContainsFunc(all, func(d snapshot.Duplicate) bool { return d.Key != key })
	})
	for _, dup := range former { // an engine that was copied, or one that was away, still has them
		if err := safe.Engine.AddDuplicate(t.Context(), dup); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := d.Rebuild(t.Context(), k.By()); err != nil || len(got.Added) > 0 {
		t.Errorf("found again what has moved: %+v, %v", got.Added, err)
	}
	c, kept := k.Container(name), k.Of(key, snapshot.Baseline)
	first := kept[slices.IndexFunc(kept, func(s snapshot.Snapshot) bool { return s.ContainerID == ids[0] })]
	if r := k.Restore(c, first.Name); r.State != restore.Verified || len(r.Unexpected()) > 0 {
		t.Fatalf("%s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	if env := k.Env(c.Name); !slices.Contains(env, "V=b0") {
		t.Errorf("it runs with %v", env)
	}
}

// movedWhole checks that one container is on record, and that nothing is left under the names.
func (k *kit) movedWhole(key string, ids []string) {
	k.T.Helper()
	known := snapshottest.Must(k.DB.KnownContainers(k.T.Context(), ""))
	if len(known) != 1 || known[0].Key != key || known[0].ID != ids[1] || known[0].Own != key || known[0].Gone() {
		k.T.Errorf("on record: %+v", known)
	}
	seats := snapshottest.Must(k.DB.Seats(k.T.Context(), known[0].Engine))
	if len(seats) != 1 || !slices.Equal(seats[0].Former, ids[:1]) {
		k.T.Errorf("places %+v", seats)
	}
	var names []string
	for _, s := range k.Of(key, snapshot.Baseline) {
		names = append(names, s.Name)
		if s.Locked || !strings.Contains(string(s.Document), s.ContainerID) {
			k.T.Errorf("%s can't be opened", s.Name)
		}
	}
	slices.Sort(names) // which of them moved first, and kept its name, depends on what was in the way
	if diff := cmp.Diff([]string{"baseline-2255", "baseline-2255-2"}, names); diff != "" {
		k.T.Errorf("baselines (-want +got):\n%s", diff)
	}
	if list := k.Deploys(key); len(list) > 0 {
		k.T.Errorf("a deploy is told that was none: %+v", list)
	}
}

// TestMoveToALineageIsAllOrNothing has the bot's connection end halfway, as it does when the bot is killed.
func TestMoveToALineageIsAllOrNothing(t *testing.T) {
	k, url, ring := setup(t), storetest.URL(t), snapshottest.NewRing(t)
	k.DB = storetest.Open(t, url, ring)
	k.Remember(k.DB)
	k.duplicate(ring)
	key, _, ids := k.byName(kamal)
	conn := snapshottest.Must(pgx.Connect(t.Context(), url))
	defer conn.Close(t.Context())
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$`)
	exec(`CREATE TRIGGER halt BEFORE INSERT ON moved_keys FOR EACH ROW EXECUTE FUNCTION halt()`)
	exec(`SELECT pg_advisory_lock(4711)`)
	k.Watch(longRun)
	for range 2 {
		k.Until("the move is halfway and ends there", func() bool {
			var n int
			err := conn.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_locks
				WHERE locktype = 'advisory' AND NOT granted AND objid = 4711 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&n)
			return err == nil && n > 0
		})
		if moved := snapshottest.Must(k.DB.Snapshots(t.Context(), key)); len(moved) > 0 {
			t.Fatalf("half of it has moved: %+v", moved)
		}
		for _, name := range []string{"b0", "b1"} {
			if s := k.Of(k.Key(k.Name("shop")+"-web-"+name), snapshot.Baseline); len(s) != 1 || s[0].Locked {
				t.Fatalf("%s has %+v", name, s)
			}
		}
	}
	exec(`SELECT pg_advisory_unlock(4711)`)
	k.Until("all has moved", func() bool { return len(k.Of(key, snapshot.Baseline)) == 2 })
	k.movedWhole(key, ids)
}

// TestTheOneThatRunsMovesFirst has another bot be at it for a while: the one from before does not take its place meanwhile.
func TestTheOneThatRunsMovesFirst(t *testing.T) {
	k, ring := setup(t), snapshottest.NewRing(t)
	k.DB = storetest.Open(t, storetest.URL(t), ring)
	k.Remember(k.DB)
	k.duplicate(ring)
	key, name, ids := k.byName(kamal)
	in := snapshottest.Must(k.Engine().Inspect(t.Context(), name))
	former, _, err := k.Engine().FormerKey(in.Document)
	if err != nil {
		t.Fatal(err)
	}
	said := &lines{}
	err = k.DB.Alone(t.Context(), former, func(context.Context) error {
		k.Watch(longRun, func(c *watch.Config) { c.Logger = slog.New(slog.NewTextHandler(said, nil)) })
		k.Until("the watch has found it taken", func() bool { return said.count("another bot is at it") >= 1 }) // it is logged once
		if moved := k.Of(key, snapshot.Baseline); len(moved) > 0 {
			t.Errorf("the one from before has moved: %+v", moved)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	k.Until("all has moved", func() bool { return len(k.Of(key, snapshot.Baseline)) == 2 })
	k.movedWhole(key, ids)
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

func TestFormerKeyIsTheNameOrComposes(t *testing.T) {
	k := setup(t)
	name, _ := k.kamal("b0", k.Server("shop"))
	in := snapshottest.Must(k.Engine().Inspect(t.Context(), name))
	former, c, err := k.Engine().FormerKey(in.Document)
	if err != nil || former != docker.Key(in.Engine, name, nil) || c.Key != in.Key || c.Key == former {
		t.Errorf("%s is %s now, %v", former, c.Key, err)
	}
}
