package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/snapshot"
)

// around are the deploys of the projects of those with the IDs $1, an hour before each and after it: enough to see where one deploy of
// several containers begins and ends.
// Hours that overlap are read as one, so that each deploy is read once however many are asked for.
const around = `WITH spans AS (
		SELECT o.engine, o.doc->>'project' AS project, unnest(range_agg(tstzrange(w.at - interval '1 hour', w.at + interval '1 hour', '[]'))) AS span
		FROM deploys w JOIN containers o ON o.key = w.key AND o.doc->>'project' <> '' WHERE w.id = ANY($1) GROUP BY 1, 2)
	SELECT c.engine, s.project, d.* FROM spans s JOIN containers c ON c.engine = s.engine AND c.doc->>'project' = s.project,
	LATERAL (SELECT ` + deployColumns + ` FROM deploys WHERE key = c.key
		AND at BETWEEN lower(s.span) AND upper(s.span) ORDER BY at DESC, id DESC LIMIT 500) AS d ORDER BY d.id`

// placed is a deploy with the project, on one engine, that its container belongs to.
type placed struct {
	engine, project string
	snapshot.Deploy
}

func scanPlaced(row pgx.CollectableRow) (p placed, err error) {
	var noted *time.Time
	d := &p.Deploy
	err = row.Scan(&p.engine, &p.project, &d.ID, &d.Key, &d.At, &d.BeforeID, &d.AfterID, &d.Before, &d.After, &d.Snapshot, &d.Changes, &noted)
	d.At, d.Noted = d.At.UTC(), zero(noted)
	return p, err
}

// Together is, by the ID of each of the given deploys, what else was deployed in the same deploy, as snapshot.OneByOne has it. One that was
// deployed alone is not in it. The project of a container is the one that it was last deployed with.
func (db *DB) Together(ctx context.Context, of ...snapshot.Deploy) (map[int64][]snapshot.Deploy, error) {
	var ids []int64
	for _, d := range of {
		ids = append(ids, d.ID)
	}
	list, err := collect(ctx, db.pool, scanPlaced, around, ids)
	projects := map[[2]string][]snapshot.Deploy{}
	for _, p := range list {
		at := [2]string{p.engine, p.project}
		projects[at] = append(projects[at], p.Deploy)
	}
	out := map[int64][]snapshot.Deploy{}
	for _, deploys := range projects {
		for _, one := range snapshot.OneByOne(deploys) {
			tie(out, one, ids)
		}
	}
	return out, err
}

// tie writes down of each with such an ID of what is one deploy what the others are.
func tie(out map[int64][]snapshot.Deploy, one []snapshot.Deploy, ids []int64) {
	if len(one) == 1 {
		return
	}
	for _, d := range one {
		if !slices.Contains(ids, d.ID) {
			continue
		}
		out[d.ID] = slices.DeleteFunc(slices.Clone(one), func(o snapshot.Deploy) bool { return o.ID == d.ID })
	}
}
