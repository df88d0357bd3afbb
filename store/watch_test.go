package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

const key = "E1/name/api"

func seat(id string) snapshot.Occupant {
	return snapshot.Occupant{
		Container: snapshot.Container{Key: key, ID: id, Name: "api", Engine: "E1", Image: "shop:" + id, State: "running"},
		Labels:    map[string]string{"snapback.enable": "true", "snapback.keep": "3"}, Document: []byte(`{"Config":{"Env":["API_KEY=topsecret"]}}`),
	}
}

func TestSeatIsReadBackAndItsDocumentIsSealed(t *testing.T) {
	db := setup(t)
	sits := seat("a")
	sits.Labels["traefik.http.middlewares.auth.basicauth.users"] = "admin:topsecret"
	testkit.OK(t, db.SetOccupant(t.Context(), sits))
	got, err := db.Occupant(t.Context(), key)
	testkit.OK(t, err)
	want := seat("a")
	want.Settings = snapshot.ParseSettings(want.Labels)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var clear bool
	testkit.OK(t, db.Pool().QueryRow(t.Context(), `SELECT position('topsecret'::bytea in document) > 0 OR containers::text LIKE '%topsecret%' FROM containers`).Scan(&clear))
	if clear {
		t.Error("a secret lies in the clear")
	}
	if _, err := db.Occupant(t.Context(), "E1/name/other"); !errors.Is(err, snapshot.ErrUnknownContainer) {
		t.Errorf("got %v, want ErrUnknownContainer", err)
	}
}

func TestPlacesSayWhoIsGoneAndBack(t *testing.T) {
	db := setup(t)
	testkit.OK(t, db.SetOccupant(t.Context(), seat("a")))
	for _, there := range []bool{false, false, true} {
		keys := []string{"E1/name/other"}
		if there {
			keys = append(keys, key)
		}
		testkit.OK(t, db.NotePresent(t.Context(), "E1", keys, "", keys))
		testkit.OK(t, db.NotePresent(t.Context(), "E2", nil, "", nil)) // another engine's bot
		list, err := db.Identities(t.Context(), "E1")
		testkit.OK(t, err)
		if len(list) != 1 || list[0].GoneAt.IsZero() != there || list[0].ContainerID != "a" {
			t.Errorf("places %+v, want there: %t", list, there)
		}
	}
}

func TestDeployIsWrittenOnceForEachIncidentOfItsServices(t *testing.T) {
	db := setup(t)
	one, _ := receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", ServiceID: "S1", Status: incidents.Triggered}, evening)
	two, _ := receive(t, db, "E2", incidents.Incident{PagerDutyID: "P2", ServiceID: "S2", Status: incidents.Triggered}, evening)
	over, _ := receive(t, db, "E3", incidents.Incident{PagerDutyID: "P3", ServiceID: "S1", Status: incidents.Resolved, ResolvedAt: evening}, evening)
	d := snapshot.Deployed{
		Deploy:   snapshot.Deploy{Key: key, At: evening, BeforeID: "a", AfterID: "b", Before: "shop:1", After: "shop:2"},
		Occupant: seat("b"), Services: []string{"S1", "S2"}, Entry: incidents.Entry{Kind: incidents.KindDeploy, Summary: "x"},
	}
	for n := range 3 {
		fresh, err := db.AddDeployed(t.Context(), d)
		testkit.OK(t, err)
		if fresh != (n == 0) {
			t.Errorf("time %d: new is %t", n, fresh)
		}
	}
	for id, want := range map[int64]int{one.ID: 2, two.ID: 2, over.ID: 1, 0: 0} {
		entries, err := db.Entries(t.Context(), id, 0)
		testkit.OK(t, err)
		if len(entries) != want {
			t.Errorf("incident %d has %d entries, want %d", id, len(entries), want)
		}
	}
	if got, err := db.Occupant(t.Context(), key); err != nil || got.ID != "b" {
		t.Errorf("the seat is %+v, %v", got, err)
	}
}

func TestAloneIsOneAtATimeAndFreeAfterwards(t *testing.T) {
	dsn := storetest.URL(t)
	t.Parallel()
	one, two := open(t, dsn), open(t, dsn)
	boom := errors.New("boom")
	err := one.Alone(t.Context(), key, func(ctx context.Context) error {
		if err := two.Alone(ctx, key, func(context.Context) error { return nil }); !errors.Is(err, snapshot.ErrElsewhere) {
			t.Errorf("another bot got %v, want ErrElsewhere", err)
		}
		return two.Alone(ctx, "something else", func(context.Context) error { return boom })
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v, want the error from within", err)
	}
	testkit.OK(t, two.Alone(t.Context(), key, func(context.Context) error { return nil }))
}

// shelve writes a snapshot down and returns its ID.
func shelve(t *testing.T, db *store.DB, name string) int64 {
	t.Helper()
	s, err := db.AddSnapshot(t.Context(), snapshot.Snapshot{
		Key: key, Container: "api", Name: name, Reason: snapshot.Manual, CreatedAt: evening, ImageRef: "snapback/api:" + name, Document: []byte("{}"),
	}, snapshot.By{})
	testkit.OK(t, err)
	return s.ID
}

func TestOpenIncidentRefersToWhatItMayNeed(t *testing.T) {
	db := setup(t)
	opened := time.Now().Add(-2 * time.Hour)
	id := map[string]int64{}
	for _, name := range []string{"long-before", "last-before", "since", "restored", "replaced", "named", "other"} {
		id[name] = shelve(t, db, name)
	}
	for at, name := range map[int]string{-96: "long-before", -48: "last-before", 1: "since"} {
		_, err := db.AddDeployed(t.Context(), snapshot.Deployed{
			Deploy: snapshot.Deploy{Key: key, At: opened.Add(time.Duration(at) * time.Hour), BeforeID: name, AfterID: name + "'", Snapshot: name}, Occupant: seat("a"),
		})
		testkit.OK(t, err)
	}
	referred := func() []string {
		t.Helper()
		got, err := db.Referred(t.Context(), key)
		testkit.OK(t, err)
		var names []string
		for name, n := range id {
			if got[n] {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	if got := referred(); got != nil {
		t.Errorf("without an incident: %v", got)
	}
	in, _ := receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered, OpenedAt: opened}, opened)
	_, _, err := db.Open(t.Context(), restore.Restore{
		Kind: restore.Restoring, Key: key, Container: "api", SnapshotID: id["restored"], Snapshot: "restored", State: restore.Requested,
		RequestedAt: opened, By: snapshot.By{Incident: in.ID, Actor: incidents.Self()},
		Plan: restore.Plan{BeforeID: id["replaced"]},
	}, "")
	testkit.OK(t, err)
	_, err = db.Record(t.Context(), incidents.Entry{IncidentID: in.ID, Kind: incidents.KindNote, Summary: "x", Details: []byte(`{"container":"api","snapshot":"named"}`)})
	testkit.OK(t, err)
	if diff := cmp.Diff([]string{"last-before", "named", "replaced", "restored", "since"}, referred()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	receive(t, db, "E2", incidents.Incident{PagerDutyID: "P1", Status: incidents.Resolved, OpenedAt: opened, ResolvedAt: opened}, opened.Add(time.Hour))
	if got := referred(); got != nil {
		t.Errorf("after it was resolved: %v", got)
	}
}

func TestTagThatAnotherSnapshotBearsIsNotLeftOver(t *testing.T) {
	db := setup(t)
	a := shelve(t, db, "m")
	testkit.OK(t, db.RemoveSnapshot(t.Context(), a, snapshot.By{}))
	left := func() int {
		t.Helper()
		list, err := db.TagsLeft(t.Context(), "E1")
		testkit.OK(t, err)
		return len(list)
	}
	if n := left(); n != 1 {
		t.Errorf("%d tags left, want one", n)
	}
	shelve(t, db, "m") // the same name again, and so the same tag
	if n := left(); n != 0 {
		t.Errorf("%d tags left, want none: a snapshot needs it", n)
	}
}

func TestTagOfASnapshotThatNeverCameToBeIsLeftOverAfterADay(t *testing.T) {
	db := setup(t)
	begin := func(name string) {
		t.Helper()
		testkit.OK(t, db.BeginTag(t.Context(), snapshot.Snapshot{Key: key, Name: name, ImageRef: "snapback/api:" + name}))
	}
	left := func(want ...watch.LeftTag) {
		t.Helper()
		got, err := db.TagsLeft(t.Context(), "E1")
		testkit.OK(t, err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	dayLater := func() {
		t.Helper()
		_, err := db.Pool().Exec(t.Context(), `UPDATE tags_begun SET begun_at = begun_at - interval '25 hours'`)
		testkit.OK(t, err)
	}
	for _, name := range []string{"lost", "again", "kept", "undone"} {
		begin(name)
	}
	shelve(t, db, "kept")
	testkit.OK(t, db.Untagged(t.Context(), key, "snapback/api:undone"))
	left()
	dayLater()
	begin("again")
	lost := watch.LeftTag{Key: key, Name: "lost", Ref: "snapback/api:lost"}
	left(lost)
	testkit.OK(t, db.RemoveSnapshot(t.Context(), shelve(t, db, "again"), snapshot.By{}))
	left(watch.LeftTag{Key: key, Name: "again", Ref: "snapback/api:again"}, lost)
	begin("again")
	left(lost)
	testkit.OK(t, db.Untagged(t.Context(), key, lost.Ref))
	left()
}

func TestSweepForgetsOnlyWhatNobodyNeeds(t *testing.T) {
	db := setup(t)
	for name, gone := range map[string]string{"with": "8 days", "without": "8 days", "lately": "6 days"} {
		s := seat("a")
		s.Key, s.Name = "E1/name/"+name, name
		testkit.OK(t, db.SetOccupant(t.Context(), s))
		_, err := db.Pool().Exec(t.Context(), `UPDATE containers SET gone_at = now() - $2::text::interval WHERE key = $1`, s.Key, gone)
		testkit.OK(t, err)
	}
	_, err := db.AddSnapshot(t.Context(), snapshot.Snapshot{Key: "E1/name/with", Container: "with", Name: "m", CreatedAt: evening, Document: []byte("{}")}, snapshot.By{})
	testkit.OK(t, err)
	old := time.Now().Add(-60 * 24 * time.Hour).UTC().Truncate(time.Second)
	for _, at := range []time.Time{old, old.Add(time.Hour)} {
		fresh, err := db.Once(t.Context(), "schedule x", at)
		testkit.OK(t, err)
		if again, err := db.Once(t.Context(), "schedule x", at); !fresh || again || err != nil {
			t.Errorf("noted: %t, and again: %t, %v", fresh, again, err)
		}
	}
	testkit.OK(t, db.Sweep(t.Context(), "E1", 61*24*time.Hour))
	known, err := db.KnownContainers(t.Context(), "E1")
	testkit.OK(t, err)
	if len(known) != 3 {
		t.Errorf("while they are shown, known are %+v", known)
	}
	testkit.OK(t, db.Sweep(t.Context(), "E1", time.Hour))
	known, err = db.KnownContainers(t.Context(), "E1")
	testkit.OK(t, err)
	if len(known) != 2 || slices.ContainsFunc(known, func(c snapshot.Container) bool { return c.Name == "without" }) {
		t.Errorf("known are %+v", known)
	}
	if last, err := db.LastTick(t.Context(), "schedule x"); err != nil || !last.Equal(old.Add(time.Hour)) {
		t.Errorf("the last tick is %s, %v", last, err)
	}
}

func TestIdentityRemembersWhoWasThereBefore(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	sit := func(id, name string) {
		t.Helper()
		c := snapshot.Container{Key: "E/compose/p/web/1", ID: id, Name: name, Engine: "E", Config: "h-" + id, CreatedAt: evening}
		if err := db.SetOccupant(t.Context(), snapshot.Occupant{Container: c, Document: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"a", "b", "c", "c", "a"} {
		sit(id, "web-"+id)
	}
	seats, err := db.Seats(t.Context(), "E")
	if err != nil || len(seats) != 1 {
		t.Fatalf("%+v, %v", seats, err)
	}
	seats[0].SeenAt = time.Time{}
	want := snapshot.Seat{Key: "E/compose/p/web/1", ContainerID: "a", Name: "web-a", CreatedAt: evening, Config: "h-a", Former: []string{"c", "b"}}
	if diff := cmp.Diff(want, seats[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := db.Dissolve(t.Context(), want.Key); err != nil {
		t.Fatal(err)
	}
	if seats, err = db.Seats(t.Context(), "E"); err != nil || len(seats) != 0 {
		t.Errorf("after dissolving: %+v, %v", seats, err)
	}
}
