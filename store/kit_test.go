package store_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// setup gives the test a database of its own.
func setup(t *testing.T) *store.DB {
	t.Helper()
	t.Parallel()
	return storetest.New(t)
}

// open is another bot's store on the same database.
func open(t testing.TB, dsn string) *store.DB {
	t.Helper()
	return storetest.Open(t, dsn, testkit.Ring(t))
}

var evening = time.Date(2026, 3, 1, 22, 55, 0, 123456789, time.UTC)

// receive stores an event of an incident, as PagerDuty's webhook brings it.
func receive(t *testing.T, db *store.DB, id string, in incidents.Incident, at time.Time) (incidents.Incident, bool) {
	t.Helper()
	if in.OpenedAt.IsZero() {
		in.OpenedAt = evening
	}
	fresh, err := db.ReceiveEvent(t.Context(), incidents.Delivery{Source: "pagerduty", NativeID: "delivery " + id, EventID: id, Body: []byte("{}")},
		in, at, incidents.Entry{Kind: incidents.Kind("incident." + string(in.Status)), OccurredAt: at, Summary: "event " + id})
	if err != nil {
		t.Fatal(err)
	}
	got, err := db.FindIncident(t.Context(), in.PagerDutyID)
	if err != nil {
		t.Fatal(err)
	}
	return got, fresh
}
