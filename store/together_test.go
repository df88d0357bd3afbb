package store_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
)

// TestDeploysAreTogetherWithinTheirProjectAndEngine: mail is of another project, cron of another engine, and one of none.
func TestDeploysAreTogetherWithinTheirProjectAndEngine(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	admin(t, dsn, `INSERT INTO containers (key, engine, name, engine_id, doc, labels) SELECT key, engine, key, key, doc::jsonb, '{}' FROM (VALUES
			('api', 'e', '{"project": "shop"}'), ('web', 'e', '{"project": "shop"}'), ('mail', 'e', '{"project": "post"}'),
			('cron', 'f', '{"project": "shop"}'), ('one', 'e', '{}')) AS v (key, engine, doc)`,
		`INSERT INTO deploys (key, at, before_id, after_id, before, after) SELECT key, '2026-03-01 22:55'::timestamptz + after * interval '1 s', key, key || after, '', '' FROM (VALUES
			('api', 0), ('web', 20), ('mail', 20), ('cron', 20), ('one', 20), ('api', 300), ('web', 3600 * 24)) AS v (key, after)`)
	list, err := db.Deploys(t.Context(), nil, 10)
	testkit.OK(t, err)
	found, err := db.Together(t.Context(), list...)
	testkit.OK(t, err)
	got := map[string][]string{}
	for _, d := range list {
		for _, with := range found[d.ID] {
			got[d.AfterID] = append(got[d.AfterID], with.AfterID)
		}
	}
	if d := cmp.Diff(map[string][]string{"api0": {"web20"}, "web20": {"api0"}}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	api := slices.IndexFunc(list, func(d snapshot.Deploy) bool { return d.AfterID == "api0" })
	alone, err := db.Together(t.Context(), list[api])
	if testkit.OK(t, err); len(alone) != 1 || len(alone[list[api].ID]) != 1 || alone[list[api].ID][0].Key != "web" || !alone[list[api].ID][0].At.Equal(list[api].At.Add(20e9)) {
		t.Errorf("asked for one, it is %+v", alone)
	}
	if none, err := db.Together(t.Context()); err != nil || len(none) > 0 {
		t.Errorf("of none: %v, %v", none, err)
	}
}
