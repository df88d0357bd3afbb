package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
)

// openStore gives the test a database of its own, without a bot.
func openStore(t *testing.T) *store.DB {
	t.Helper()
	ring, err := keyring.Parse("a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err != nil {
		t.Fatal(err)
	}
	dsn := pgtest.New(t, func(ctx context.Context, dsn string) error { _, err := store.Migrate(ctx, dsn); return err })
	db, err := store.Open(t.Context(), store.Config{URL: dsn, Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// deployed writes a deploy of a container that has gone since, so many hours from alert.
func deployed(t *testing.T, f snapshot.Fleet, name string, hours float64, alert time.Time, changes ...snapshot.Change) {
	t.Helper()
	engine, err := f.Engine.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := snapshot.Container{Key: engine + "/name/" + name, ID: fmt.Sprint(name, hours), Name: name, Engine: engine}
	_, err = f.LastSeen.(*store.DB).AddDeployed(t.Context(), snapshot.Deployed{
		Deploy: snapshot.Deploy{Key: c.Key, At: alert.Add(time.Duration(hours * float64(time.Hour))), AfterID: c.ID, Changes: changes},
		Seat:   snapshot.Seat{Container: c, Labels: map[string]string{"snapback.enable": "true", "snapback.pagerduty.service": "PSHOP01"}, Document: []byte("{}")},
		Entry:  incidents.Entry{Kind: incidents.KindDeploy, Summary: "seen"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTimelineNamesTheDeployNearestBeforeTheAlertOnce(t *testing.T) {
	t.Parallel()
	changes := []snapshot.Change{
		{Attribute: "image", Before: "shop:1.41", After: "shop:1.42"}, {Attribute: "env DB_POOL", Before: "20", After: "2"},
		{Attribute: "env API_KEY", Masked: true}, {Attribute: "user", After: "1000"},
	}
	alert := time.Date(2026, 3, 2, 3, 42, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		deploys func(t *testing.T, f snapshot.Fleet)
		want    []string
	}{
		"of two containers, with one since": {func(t *testing.T, f snapshot.Fleet) {
			deployed(t, f, "api", -4.5, alert, changes...)
			deployed(t, f, "web", -9, alert)
			deployed(t, f, "web", 0.25, alert)
		}, []string{"The last deploy before the alert, 4h30m0s before it: api, image: shop:1.41 → shop:1.42, env DB_POOL: 20 → 2, env API_KEY: changed, 1 more"}},
		"nothing changed": {func(t *testing.T, f snapshot.Fleet) { deployed(t, f, "api", -1, alert) },
			[]string{"The last deploy before the alert, 1h0m0s before it: api, nothing changed"}},
		"too long ago": {func(t *testing.T, f snapshot.Fleet) { deployed(t, f, "api", -8*24, alert, changes...) }, nil},
		"only since":   {func(t *testing.T, f snapshot.Fleet) { deployed(t, f, "api", 1, alert, changes...) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, db := snapshot.Fleet{Engine: engineOf(t, enginetest.New(t).Only())}, openStore(t)
			f.LastSeen = db
			c.deploys(t, f)
			in := incidents.Incident{PagerDutyID: "P1", ServiceID: "PSHOP01", Status: incidents.Triggered, OpenedAt: alert}
			entry := incidents.Entry{Kind: incidents.KindPagerDutyTriggered, OccurredAt: alert, Summary: "Triggered"}
			if _, err := db.ReceiveEvent(t.Context(), incidents.Delivery{Source: "pagerduty", NativeID: "W1", Body: []byte("{}")}, in, alert, entry); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := (suspects{db, f}).note(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
			}
			entries, err := db.Entries(t.Context(), 1, 1)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				if !strings.HasPrefix(e.Summary, "The last deploy") || e.Kind != incidents.KindDeploy {
					t.Errorf("entry %+v", e)
				}
				got = append(got, e.Summary)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
