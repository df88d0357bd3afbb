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
			NOT EXISTS (SELECT FROM bots b WHERE b.name = $2 AND `+reaches+`)
			AND EXISTS (SELECT FROM bots b WHERE b.name <> $2 AND `+present+` AND `+reaches+`)
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

const deployColumns = `id, key, at, before_id, after_id, before, after, snapshot, changes, noted_at`

func scanDeploy(row pgx.CollectableRow) (d snapshot.Deploy, err error) {
	var noted *time.Time
	err = row.Scan(&d.ID, &d.Key, &d.At, &d.BeforeID, &d.AfterID, &d.Before, &d.After, &d.Snapshot, &d.Changes, &noted)
	d.At, d.Noted = d.At.UTC(), zero(noted)
	return d, err
}

// noted is when a deploy was written down. It is by the database's clock, as entered_at of a restore is; at is by the engine's.
const noted = `coalesce(noted_at, at)`

// newestDeploys are those of the keys $1 until $2, at most $3; what was written down until then counts, also when the engine's clock is up
// to an hour ahead. Each key's are read from the end of the index: a container that is deployed all day has very many.
const newestDeploys = `SELECT d.* FROM (SELECT DISTINCT unnest($1::text[])) AS k (wanted), LATERAL (
	SELECT ` + deployColumns + ` FROM deploys WHERE key = wanted AND at <= $2::timestamptz + interval '1 hour'
		AND (at <= $2 OR noted_at <= $2) ORDER BY at DESC, id DESC LIMIT $3) AS d
	ORDER BY at DESC, id DESC LIMIT $3`

// DeployBefore is the newest deploy of the given containers until at; false when there was none.
func (db *DB) DeployBefore(ctx context.Context, keys []string, at time.Time) (snapshot.Deploy, bool, error) {
	list, err := collect(ctx, db.pool, scanDeploy, newestDeploys, keys, at, 1)
	if err != nil || len(list) == 0 {
		return snapshot.Deploy{}, false, away(err)
	}
	return list[0], true, nil
}

// deployPage is a page of the deploys of the keys, each with the restore that has undone it since: the container may have been started
// again, which is another deploy. As in newestDeploys, each key's are read from the end of the index.
const deployPage = `SELECT id, key, p.at, before_id, after_id, before, after, p.snapshot, changes, noted_at, r.snapshot, r.verified_at FROM (
	SELECT d.* FROM (SELECT DISTINCT unnest(@keys::text[])) AS k (wanted), LATERAL (
		SELECT ` + deployColumns + `, ` + noted + ` AS noted FROM deploys WHERE key = wanted AND at >= @since AND (at, id) < (@before, @id)
		ORDER BY at DESC, id DESC LIMIT @limit) AS d
	ORDER BY at DESC, id DESC LIMIT @limit) AS p
	LEFT JOIN LATERAL (SELECT snapshot, verified_at FROM restores WHERE key = p.key AND ` + rolledBack + ` AND record->'plan'->>'old_id' = p.after_id
		AND entered_at > p.noted ORDER BY id DESC LIMIT 1) AS r ON true
	ORDER BY p.at DESC, p.id DESC`

// DeployPage implements api.Deploys.
func (db *DB) DeployPage(ctx context.Context, p snapshot.DeployPage) ([]snapshot.Past, error) {
	args := pgx.NamedArgs{"keys": p.Keys, "since": "-infinity", "before": "infinity", "id": p.ID, "limit": p.Limit}
	if !p.Since.IsZero() {
		args["since"] = p.Since
	}
	if !p.Before.IsZero() {
		args["before"] = p.Before
	}
	list, err := collect(ctx, db.pool, scanPast, deployPage, args)
	return list, away(err)
}

func scanPast(row pgx.CollectableRow) (p snapshot.Past, err error) {
	var by *string
	var noted, at *time.Time
	err = row.Scan(&p.ID, &p.Key, &p.At, &p.BeforeID, &p.AfterID, &p.Before, &p.After, &p.Snapshot, &p.Changes, &noted, &by, &at)
	p.At, p.Noted = p.At.UTC(), zero(noted)
	if by != nil {
		p.RolledBack = &snapshot.Undone{Deploy: p.Deploy, By: *by, At: zero(at)}
	}
	return p, err
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
