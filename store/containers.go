package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/snapshot"
)

// KnownContainers lists the containers of an engine ("" all) as they were last seen, also those that are gone.
// Those have State "gone". Elsewhere are those that a bot looks after that was heard of lately, and that this one can't reach.
func (db *DB) KnownContainers(ctx context.Context, engine string) ([]snapshot.Container, error) {
	return collect(ctx, db.pool, scanContainer, `SELECT doc, labels, gone_at,
			NOT EXISTS (SELECT FROM bots b WHERE b.bot = $2 AND `+reaches+`)
			AND EXISTS (SELECT FROM bots b WHERE b.bot <> $2 AND `+present+` AND `+reaches+`)
		FROM containers c WHERE $1 = '' OR engine = $1 ORDER BY name`, engine, db.bot)
}

func scanContainer(row pgx.CollectableRow) (c snapshot.Container, err error) {
	var labels map[string]string
	var doc []byte
	var gone *time.Time
	var elsewhere bool
	if err = row.Scan(&doc, &labels, &gone, &elsewhere); err != nil {
		return c, err
	}
	if err = json.Unmarshal(doc, &c); err != nil {
		return c, fmt.Errorf("reading a container: %w", err)
	}
	c.Settings, c.Elsewhere = snapshot.ParseSettings(labels), elsewhere
	if gone != nil {
		c.State, c.GoneAt = "gone", gone.UTC()
	}
	return c, nil
}

const deployColumns = `id, key, at, before_id, after_id, before, after, snapshot, changes`

func scanDeploy(row pgx.CollectableRow) (d snapshot.Deploy, err error) {
	err = row.Scan(&d.ID, &d.Key, &d.At, &d.BeforeID, &d.AfterID, &d.Before, &d.After, &d.Snapshot, &d.Changes)
	d.At = d.At.UTC()
	return d, err
}

// newestDeploys are those of the keys $1 until $2, at most $3. Each key's are read from the end of the index: a container
// that is deployed all day has very many.
const newestDeploys = `SELECT d.* FROM (SELECT DISTINCT unnest($1::text[])) AS k (wanted), LATERAL (
	SELECT ` + deployColumns + ` FROM deploys WHERE key = wanted AND at <= $2 ORDER BY at DESC, id DESC LIMIT $3) AS d
	ORDER BY at DESC, id DESC LIMIT $3`

// DeployBefore is the newest deploy of the given containers until at; false when there was none.
func (db *DB) DeployBefore(ctx context.Context, keys []string, at time.Time) (snapshot.Deploy, bool, error) {
	list, err := collect(ctx, db.pool, scanDeploy, newestDeploys, keys, at, 1)
	if err != nil || len(list) == 0 {
		return snapshot.Deploy{}, false, away(err)
	}
	return list[0], true, nil
}

// Deploys lists the newest deploys of the given containers (nil: of all), at most limit, newest first.
func (db *DB) Deploys(ctx context.Context, keys []string, limit int) ([]snapshot.Deploy, error) {
	sql, args := newestDeploys, []any{keys, "infinity", limit}
	if keys == nil {
		sql, args = `SELECT `+deployColumns+` FROM deploys ORDER BY at DESC, id DESC LIMIT $1`, []any{limit}
	}
	list, err := collect(ctx, db.pool, scanDeploy, sql, args...)
	return list, away(err)
}
