package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
)

// queued are the incidents whose Slack message is queued to be brought up to date; it empties the queue.
func queued(t *testing.T, db *store.DB) []int64 {
	t.Helper()
	rows, err := db.Pool().Query(t.Context(), `WITH gone AS (DELETE FROM river_job WHERE kind = 'slack' RETURNING args)
		SELECT DISTINCT coalesce((args->>'incident_id')::bigint, 0) FROM gone ORDER BY 1`)
	check(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	check(t, err)
	return ids
}

func TestMessagesOfOpenIncidentsHearOfAnImageThatIsGoneOrBack(t *testing.T) {
	db := setup(t)
	check(t, db.Sit(t.Context(), seat("a")))
	open, _ := receive(t, db, "1", incidents.Incident{PagerDutyID: "P1", Title: "open", Status: incidents.Triggered}, evening)
	receive(t, db, "2", incidents.Incident{PagerDutyID: "P2", Title: "over", Status: incidents.Resolved}, evening)
	s, err := db.AddSnapshot(t.Context(), snapshot.Snapshot{
		Key: key, Container: "api", Name: "pre-deploy-2255", Reason: snapshot.PreDeploy, ImageID: "sha256:1", ImageRef: "snapback/api:pre-deploy-2255",
		ContainerID: "a", Document: []byte("{}"), CreatedAt: evening,
	}, snapshot.By{Actor: incidents.Self()})
	check(t, err)
	queued(t, db)
	told := func(what string, want ...int64) {
		t.Helper()
		if got := queued(t, db); !slices.Equal(got, want) {
			t.Errorf("%s: %v are to be told, want %v", what, got, want)
		}
	}
	gone := incidents.Entry{Kind: snapshot.KindSnapshotMissing, OccurredAt: time.Now(), Actor: incidents.Self(), Summary: "its image is gone"}
	check(t, db.MarkGone(t.Context(), []int64{s.ID}, gone))
	told("gone", 0, open.ID)
	check(t, db.MarkGone(t.Context(), []int64{s.ID}, gone))
	told("gone, as was known")
	_, err = db.MarkMissing(t.Context(), s.ID, false)
	check(t, err)
	told("back", open.ID)
	_, err = db.MarkMissing(t.Context(), s.ID, false)
	check(t, err)
	told("back, as was known")
	check(t, db.RemoveSnapshot(t.Context(), s.ID, snapshot.By{Actor: incidents.Self()}))
	told("removed", 0, open.ID)
}

func TestOnlyMessagesThatMayShowTheContainerHearOfItsSnapshots(t *testing.T) {
	db := setup(t)
	for name, services := range map[string]string{"api": "S1, S2", "web": "S3"} {
		s := seat(name)
		s.Key, s.Labels["snapback.pagerduty.service"] = "E1/name/"+name, services
		check(t, db.Sit(t.Context(), s))
	}
	named, _ := receive(t, db, "1", incidents.Incident{PagerDutyID: "P1", ServiceID: "S2", Status: incidents.Triggered}, evening)
	nobodys, _ := receive(t, db, "2", incidents.Incident{PagerDutyID: "P2", ServiceID: "S9", Status: incidents.Acknowledged}, evening)
	receive(t, db, "3", incidents.Incident{PagerDutyID: "P3", ServiceID: "S3", Status: incidents.Triggered}, evening)
	id := shelve(t, db, "m")
	queued(t, db)
	check(t, db.RemoveSnapshot(t.Context(), id, snapshot.By{}))
	if got, want := queued(t, db), []int64{0, named.ID, nobodys.ID}; !slices.Equal(got, want) {
		t.Errorf("%v are told, want %v", got, want)
	}
}

func TestDeployBeforeIsTheNewestOneUntilThen(t *testing.T) {
	db := setup(t)
	check(t, db.Sit(t.Context(), seat("a")))
	other := seat("x")
	other.Key = "E1/name/web"
	check(t, db.Sit(t.Context(), other))
	for i, d := range []struct {
		key string
		at  time.Duration
	}{{key, 0}, {other.Key, time.Hour}, {key, 2 * time.Hour}} {
		to := seat(string(rune('c' + i)))
		to.Key = d.key
		_, err := db.AddDeployed(t.Context(), snapshot.Deployed{
			Deploy: snapshot.Deploy{Key: d.key, At: evening.Add(d.at), BeforeID: "b", AfterID: to.ID, Changes: []snapshot.Change{}}, Seat: to,
			Entry: incidents.Entry{Kind: incidents.KindDeploy, OccurredAt: evening.Add(d.at), Actor: incidents.Self(), Summary: "deployed"},
		})
		check(t, err)
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
