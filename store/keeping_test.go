package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

// queued are the incidents whose Slack message is queued to be brought up to date; it empties the queue.
func queued(t *testing.T, db *store.DB) []int64 {
	t.Helper()
	rows, err := db.Pool().Query(t.Context(), `WITH gone AS (DELETE FROM river_job WHERE kind = 'slack' RETURNING args)
		SELECT DISTINCT coalesce((args->>'incident_id')::bigint, 0) FROM gone ORDER BY 1`)
	testkit.OK(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	testkit.OK(t, err)
	return ids
}

func TestMessagesOfOpenIncidentsHearOfAnImageThatIsGoneOrBack(t *testing.T) {
	db := setup(t)
	testkit.OK(t, db.SetOccupant(t.Context(), seat("a")))
	open, _ := receive(t, db, "1", incidents.Incident{PagerDutyID: "P1", Title: "open", Status: incidents.Triggered}, evening)
	receive(t, db, "2", incidents.Incident{PagerDutyID: "P2", Title: "over", Status: incidents.Resolved}, evening)
	s, err := db.AddSnapshot(t.Context(), snapshot.Snapshot{
		Key: key, Container: "api", Name: "pre-deploy-2255", Reason: snapshot.PreDeploy, ImageID: "sha256:1", ImageRef: "snapback/api:pre-deploy-2255",
		ContainerID: "a", Document: []byte("{}"), CreatedAt: evening,
	}, snapshot.By{Actor: incidents.Self()})
	testkit.OK(t, err)
	queued(t, db)
	told := func(what string, want ...int64) {
		t.Helper()
		if got := queued(t, db); !slices.Equal(got, want) {
			t.Errorf("%s: %v are to be told, want %v", what, got, want)
		}
	}
	gone := incidents.Entry{Kind: incidents.KindSnapshotMissing, OccurredAt: time.Now(), Actor: incidents.Self(), Summary: "its image is gone"}
	testkit.OK(t, db.MarkGone(t.Context(), []int64{s.ID}, gone))
	told("gone", 0, open.ID)
	testkit.OK(t, db.MarkGone(t.Context(), []int64{s.ID}, gone))
	told("gone, as was known")
	_, err = db.MarkMissing(t.Context(), s.ID, false)
	testkit.OK(t, err)
	told("back", open.ID)
	_, err = db.MarkMissing(t.Context(), s.ID, false)
	testkit.OK(t, err)
	told("back, as was known")
	testkit.OK(t, db.RemoveSnapshot(t.Context(), s.ID, snapshot.By{Actor: incidents.Self()}))
	told("removed", 0, open.ID)
}

func TestOnlyMessagesThatMayShowTheContainerHearOfItsSnapshots(t *testing.T) {
	db := setup(t)
	for name, services := range map[string]string{"api": "S1, S2", "web": "S3"} {
		s := seat(name)
		s.Key, s.Labels["snapback.pagerduty.service"] = "E1/name/"+name, services
		testkit.OK(t, db.SetOccupant(t.Context(), s))
	}
	named, _ := receive(t, db, "1", incidents.Incident{PagerDutyID: "P1", ServiceID: "S2", Status: incidents.Triggered}, evening)
	nobodys, _ := receive(t, db, "2", incidents.Incident{PagerDutyID: "P2", ServiceID: "S9", Status: incidents.Acknowledged}, evening)
	receive(t, db, "3", incidents.Incident{PagerDutyID: "P3", ServiceID: "S3", Status: incidents.Triggered}, evening)
	id := shelve(t, db, "m")
	queued(t, db)
	testkit.OK(t, db.RemoveSnapshot(t.Context(), id, snapshot.By{}))
	if got, want := queued(t, db), []int64{0, named.ID, nobodys.ID}; !slices.Equal(got, want) {
		t.Errorf("%v are told, want %v", got, want)
	}
}

func TestDeployBeforeIsTheNewestOneUntilThen(t *testing.T) {
	db := setup(t)
	testkit.OK(t, db.SetOccupant(t.Context(), seat("a")))
	other := seat("x")
	other.Key = "E1/name/web"
	testkit.OK(t, db.SetOccupant(t.Context(), other))
	for i, d := range []struct {
		key string
		at  time.Duration
	}{{key, 0}, {other.Key, time.Hour}, {key, 2 * time.Hour}} {
		to := seat(string(rune('c' + i)))
		to.Key = d.key
		_, err := db.AddDeployed(t.Context(), snapshot.Deployed{
			Deploy: snapshot.Deploy{Key: d.key, At: evening.Add(d.at), BeforeID: "b", AfterID: to.ID, Changes: []snapshot.Change{}}, Occupant: to,
			Entry: incidents.Entry{Kind: incidents.KindDeploy, OccurredAt: evening.Add(d.at), Actor: incidents.Self(), Summary: "deployed"},
		})
		testkit.OK(t, err)
	}
	for _, c := range []struct {
		keys []string
		at   time.Duration
		want string
	}{
		{[]string{key}, -time.Second, ""},
		{[]string{key}, 0, "c"},
		{[]string{key, other.Key}, 90 * time.Minute, "d"},
		{[]string{key}, 90 * time.Minute, "c"},
		{[]string{key, other.Key}, 3 * time.Hour, "e"},
	} {
		d, found, err := db.DeployBefore(t.Context(), c.keys, evening.Add(c.at))
		if err != nil || found != (c.want != "") || d.AfterID != c.want {
			t.Errorf("%v at %s: got %q, %v, %v; want %q", c.keys, c.at, d.AfterID, found, err, c.want)
		}
	}
}

// deployed writes one deploy of api down, and a snapshot from before it.
func deployed(t *testing.T, db *store.DB, at time.Time) (snapshotID int64) {
	t.Helper()
	s := seat("a")
	s.Labels["snapback.pagerduty.service"] = "S1"
	id := shelve(t, db, "before")
	_, err := db.AddDeployed(t.Context(), snapshot.Deployed{
		Deploy: snapshot.Deploy{Key: key, At: at, BeforeID: "0", AfterID: "a", Snapshot: "before"}, Occupant: s, SnapshotID: id,
	})
	testkit.OK(t, err)
	return id
}

func TestIncidentHoldsWhatItCouldNeedAndNotForEver(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	for _, c := range []struct {
		name     string
		service  string
		opened   time.Time
		deployed time.Time
		holds    bool
	}{
		{"of the container's service, soon after the deploy", "S1", now.Add(-day), now.Add(-day - time.Hour), true},
		{"with its last deploy long before", "S1", now.Add(-day), now.Add(-90 * day), true},
		{"with the deploy on its first day", "S1", now.Add(-2 * day), now.Add(-day - time.Hour), true},
		{"with the deploy days later", "S1", now.Add(-5 * day), now.Add(-day), false},
		{"of a service that no container names", "S9", now.Add(-day), now.Add(-day - time.Hour), true},
		{"of a service that no container names, months ago", "S9", now.Add(-90 * day), now.Add(-90*day - time.Hour), false},
		{"of the container's service, months ago", "S1", now.Add(-90 * day), now.Add(-90*day - time.Hour), false},
		{"of another container's service", "S2", now.Add(-day), now.Add(-day - time.Hour), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := setup(t)
			id := deployed(t, db, c.deployed)
			other := seat("w")
			other.Key, other.Labels["snapback.pagerduty.service"] = "E1/name/web", "S2"
			testkit.OK(t, db.SetOccupant(t.Context(), other))
			receive(t, db, "E", incidents.Incident{PagerDutyID: "P1", ServiceID: c.service, Status: incidents.Triggered, OpenedAt: c.opened}, c.opened)
			got, err := db.Referred(t.Context(), key)
			testkit.OK(t, err)
			if got[id] != c.holds {
				t.Errorf("holds %v, want %v", got[id], c.holds)
			}
		})
	}
}

func TestRemovedSnapshotLeavesNothingBehindInTime(t *testing.T) {
	db := setup(t)
	gone, used, there := shelve(t, db, "gone"), shelve(t, db, "used"), shelve(t, db, "there")
	by := snapshot.By{Actor: incidents.Self()}
	testkit.OK(t, db.RemoveSnapshot(t.Context(), gone, by))
	testkit.OK(t, db.RemoveSnapshot(t.Context(), used, by))
	for _, name := range []string{"gone", "used"} {
		testkit.OK(t, db.Untagged(t.Context(), key, "snapback/api:"+name))
	}
	_, _, err := db.Open(t.Context(), restore.Restore{
		Kind: restore.Restoring, Key: key, Container: "api", SnapshotID: used, Snapshot: "used", State: restore.Requested, RequestedAt: evening, By: by,
	}, "")
	testkit.OK(t, err)
	left := func() map[int64]bool {
		t.Helper()
		testkit.OK(t, db.Sweep(t.Context(), "E1", 0))
		rows, err := db.Pool().Query(t.Context(), `SELECT id, octet_length(document) > 0 FROM snapshots`)
		testkit.OK(t, err)
		documents := map[int64]bool{}
		var id int64
		var whole bool
		_, err = pgx.ForEachRow(rows, []any{&id, &whole}, func() error { documents[id] = whole; return nil })
		testkit.OK(t, err)
		return documents
	}
	after := func(interval string) {
		t.Helper()
		_, err := db.Pool().Exec(t.Context(), `UPDATE snapshots SET deleted_at = now() - $1::text::interval WHERE deleted_at IS NOT NULL`, interval)
		testkit.OK(t, err)
	}
	for _, c := range []struct {
		after string
		want  map[int64]bool
	}{
		{"1 minute", map[int64]bool{gone: true, used: true, there: true}},
		{"1 hour", map[int64]bool{gone: false, used: true, there: true}},
		{"8 days", map[int64]bool{used: true, there: true}},
	} {
		after(c.after)
		if diff := cmp.Diff(c.want, left()); diff != "" {
			t.Errorf("after %s, -want +got:\n%s", c.after, diff)
		}
	}
}

func TestSnapshotWhoseKeyWasTakenAwayDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	before := open(t, dsn)
	locked := shelve(t, before, "locked")
	testkit.OK(t, before.SetOccupant(t.Context(), seat("a")))
	db := storetest.Open(t, dsn, testkit.RingOf(t, "b:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="))
	shelve(t, db, "open")
	list, err := db.Snapshots(t.Context(), key)
	testkit.OK(t, err)
	if len(list) != 2 {
		t.Fatalf("the list has %d snapshots, want both", len(list))
	}
	for _, s := range list {
		if want := s.Name == "locked"; s.Locked != want || (len(s.Document) == 0) != want {
			t.Errorf("%s: locked %v, a document of %d bytes", s.Name, s.Locked, len(s.Document))
		}
	}
	one, err := db.SnapshotByID(t.Context(), locked)
	testkit.OK(t, err)
	untouched := struct{ restore.ContainerEngine }{} // nothing is asked of it
	offer, err := restore.New(restore.Config{Engine: untouched, Journal: db, Snapshots: db}).Offer(t.Context(), seat("a").Container, one)
	if err != nil || len(offer.WhyNot) != 1 || !strings.Contains(offer.WhyNot[0], "SNAPBACK_SECRET_KEYS") {
		t.Errorf("it is offered with %q, %v; want that its key is missing", offer.WhyNot, err)
	}
	if s, err := db.Occupant(t.Context(), key); err != nil || s.ID != "a" || s.Document != nil {
		t.Errorf("the seat is %+v, %v", s, err)
	}
	testkit.OK(t, db.RemoveSnapshot(t.Context(), locked, snapshot.By{Actor: incidents.Self()}))
}
