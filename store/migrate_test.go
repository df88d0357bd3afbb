package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/store"
)

// Before the first release the schema was twelve files, whose last number the one file bears.
const (
	allOfThem = `DELETE FROM goose_db_version WHERE version_id BETWEEN 1 AND 120; INSERT INTO goose_db_version (version_id, is_applied)
		SELECT n, true FROM unnest(ARRAY[1, 10, 20, 30, 40, 50, 60, 90, 91, 100, 110, 120]) AS n`
	notTheLast = `DELETE FROM goose_db_version WHERE version_id >= 120; INSERT INTO goose_db_version (version_id, is_applied)
		SELECT n, true FROM unnest(ARRAY[1, 10, 20, 30, 40, 50, 60, 90, 91, 100, 110]) AS n`
	onlyTheFirst = `DELETE FROM goose_db_version WHERE version_id >= 120; INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, true)`
)

func TestDatabaseOfTheLastEarlierBuildGoesOn(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Title: "from before", Status: incidents.Triggered}, evening)
	admin(t, dsn, allOfThem)
	if _, err := store.Check(t.Context(), dsn); err != nil {
		t.Errorf("check: %v", err)
	}
	applied, err := store.Migrate(t.Context(), dsn)
	if err != nil || len(applied) != 0 {
		t.Errorf("applied %v, %v", applied, err)
	}
	if in, err := db.FindIncident(t.Context(), "P1"); err != nil || in.Title != "from before" {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestDatabaseOfAnUnfinishedEarlierBuildIsRefused(t *testing.T) {
	t.Parallel()
	for at, was := range map[string]string{"migration 110 of 120": notTheLast, "migration 1 of 120": onlyTheFirst} {
		dsn := storetest.URL(t)
		admin(t, dsn, was)
		_, checked := store.Check(t.Context(), dsn)
		_, migrated := store.Migrate(t.Context(), dsn)
		for what, err := range map[string]error{"check": checked, "migrate": migrated} {
			if !errors.Is(err, store.ErrUnfit) || !strings.Contains(err.Error(), at) || strings.Contains(err.Error(), "SQLSTATE") {
				t.Errorf("%s says %v, want ErrUnfit with %q", what, err, at)
			}
		}
	}
}

func TestPendingSaysWhatMigrateWouldDo(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t, nil)
	files, err := store.Pending(t.Context(), dsn)
	if err != nil || len(files) < 3 || !strings.HasPrefix(files[0], "job queue 001 ") || !slices.Contains(files, "00120_schema.sql") {
		t.Fatalf("of an empty database: %q, %v", files, err)
	}
	if again, err := store.Pending(t.Context(), dsn); err != nil || !slices.Equal(again, files) {
		t.Errorf("it has changed something: %q, %v", again, err)
	}
	applied, err := store.Migrate(t.Context(), dsn)
	if err != nil || !strings.HasSuffix(files[len(files)-1], ".sql") || !strings.HasPrefix(files[len(files)-1], fmt.Sprintf("%05d_", applied[len(applied)-1])) {
		t.Errorf("migrated to %v, %v", applied, err)
	}
	if files, err := store.Pending(t.Context(), dsn); err != nil || len(files) != 0 {
		t.Errorf("of a migrated one: %q, %v", files, err)
	}
	admin(t, dsn, `DELETE FROM goose_db_version WHERE version_id = 175`)
	if files, err := store.Pending(t.Context(), dsn); err != nil || !slices.Equal(files, []string{"00175_logs_since.sql"}) {
		t.Errorf("of one that lacks the last: %q, %v", files, err)
	}
	admin(t, dsn, afterNext)
	if _, err := store.Pending(t.Context(), dsn); !errors.Is(err, store.ErrNewer) {
		t.Errorf("of a later release's: %v", err)
	}
}
