package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
)

// TestARestoreOutsideIncidentsIsOfTheOneInWhichItsContainerWasRestored: while that is open.
func TestARestoreOutsideIncidentsIsOfTheOneInWhichItsContainerWasRestored(t *testing.T) {
	o := outages(t)
	asked := func(key, name string) int64 {
		t.Helper()
		w := o.wish(key, name)
		w.By.Incident = 0
		r, _, err := o.db.Open(t.Context(), w, "")
		testkit.OK(t, err)
		kept, err := o.db.Restore(t.Context(), r.ID)
		testkit.OK(t, err)
		if kept.By.Incident != r.By.Incident {
			t.Errorf("it is of incident %d, and was told as one of %d", kept.By.Incident, r.By.Incident)
		}
		_, err = o.db.Pool().Exec(t.Context(), `UPDATE restores SET state = 'verified' WHERE id = $1`, r.ID)
		testkit.OK(t, err)
		return r.By.Incident
	}
	if of := asked("shop", "older"); of != o.incident {
		t.Errorf("it is of incident %d, want %d", of, o.incident)
	}
	if of := asked("web", "good"); of != 0 {
		t.Errorf("that of another container is of incident %d", of)
	}
	receive(t, o.db, "E2", incidents.Incident{PagerDutyID: "P1", Title: "500s", Status: incidents.Resolved, OpenedAt: o.opened}, time.Now())
	if of := asked("shop", "oldest"); of != 0 {
		t.Errorf("after the end, it is of incident %d", of)
	}
}

// TestAnIncidentHearsOfWhatReplacesWhatItHasRestored: of a restore that another incident asked for, and of a deploy.
func TestAnIncidentHearsOfWhatReplacesWhatItHasRestored(t *testing.T) {
	o := outages(t)
	testkit.OK(t, o.db.SetOccupant(t.Context(), snapshot.Occupant{Container: snapshot.Container{Key: "shop", Engine: "e", Name: "shop", ID: "a"}}))
	other, _ := receive(t, o.db, "E2", incidents.Incident{PagerDutyID: "P2", Title: "slow", Status: incidents.Triggered, ServiceID: "S2", OpenedAt: o.opened}, o.opened)
	last := func() (ids []int64) {
		t.Helper()
		found, err := o.db.LastRestores(t.Context(), o.incident)
		testkit.OK(t, err)
		for _, r := range found {
			ids = append(ids, r.ID)
		}
		return ids
	}
	queued(t, o.db)
	w := o.wish("shop", "older")
	w.By.Incident = other.ID
	later := o.verified(w, 7*time.Minute)
	if diff := cmp.Diff([]int64{later.ID}, last()); diff != "" {
		t.Error(diff)
	}
	if told := queued(t, o.db); !slices.Contains(told, o.incident) {
		t.Errorf("after the restore, the messages of %v are told", told)
	}
	_, err := o.db.AddDeployed(t.Context(), snapshot.Deployed{
		Deploy: snapshot.Deploy{Key: "shop", At: time.Now(), BeforeID: "a", AfterID: "b"}, Occupant: snapshot.Occupant{Container: snapshot.Container{Key: "shop", Engine: "e", Name: "shop", ID: "b"}},
		Services: []string{"S2"}, Entry: incidents.Entry{Kind: incidents.KindDeploy, Summary: "a fix"},
	})
	testkit.OK(t, err)
	all, err := o.db.Entries(t.Context(), o.incident, 0)
	testkit.OK(t, err)
	if e := all[len(all)-1]; e.Summary != "a fix" {
		t.Errorf("the last entry is %+v", e)
	}
	receive(t, o.db, "E3", incidents.Incident{PagerDutyID: "P1", Title: "500s", Status: incidents.Resolved, OpenedAt: o.opened, ResolvedAt: time.Now()}, time.Now())
	before := last()
	w = o.wish("shop", "oldest")
	w.By.Incident = other.ID
	w.RequestedAt = time.Now().Add(time.Minute)
	o.verified(w, 4*time.Hour)
	if diff := cmp.Diff(before, last()); diff != "" {
		t.Errorf("after the end: %s", diff)
	}
}
