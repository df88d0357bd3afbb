package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/store"
)

func migrate(ctx context.Context, dsn string) error {
	_, err := store.Migrate(ctx, dsn)
	return err
}

// setup gives the test a database of its own.
func setup(t *testing.T) *store.DB {
	t.Helper()
	t.Parallel()
	return open(t, pgtest.New(t, migrate))
}

func setupBench(b *testing.B) *store.DB {
	b.Helper()
	return open(b, pgtest.New(b, migrate))
}

func open(t testing.TB, dsn string) *store.DB {
	t.Helper()
	ring, err := keyring.Parse("a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Config{URL: dsn, Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
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
