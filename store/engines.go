package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/watch"
)

// MeetEngine implements watch.EngineStore. A link that is refused is not there any more: what it had can be another one's.
func (db *DB) MeetEngine(ctx context.Context, me watch.Presence, in snapshot.Introduction) (name string, err error) {
	var refused error
	err = db.tx(ctx, func(tx pgx.Tx) error {
		// The links of one bot meet one after the other, also where an engine goes by several IDs.
		err := tx.QueryRow(ctx, `SELECT name FROM engines WHERE name = (SELECT name FROM engines WHERE id = $1) ORDER BY id FOR UPDATE`, in.ID).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: %s", watch.ErrNewEngine, in.ID)
		}
		if err != nil {
			return err
		}
		if refused, err = taken(ctx, tx, me, in, name); err != nil {
			return err
		}
		if refused != nil {
			_, err = tx.Exec(ctx, leave, me.Bot, me.Run, me.Link)
			return err
		}
		return comeIn(ctx, tx, me, in, name)
	})
	if err == nil && refused != nil {
		return "", refused
	}
	return name, err
}

// taken says why a link may not have the engine of that name: another bot reaches another one of the name, or another link of the bot
// has it. The bot's own links count for as long as it runs, so that one that hangs does not lose what it has to another.
func taken(ctx context.Context, tx pgx.Tx, me watch.Presence, in snapshot.Introduction, name string) (refused, err error) {
	who := pgx.NamedArgs{"name": name, "id": in.ID, "host": in.Host, "bot": me.Bot, "run": me.Run, "link": me.Link}
	var other string
	err = tx.QueryRow(ctx, `SELECT bot || ' reaches ' || engine_id || ' on ' || host FROM bots
		WHERE engine = @name AND (engine_id, host) <> (@id, @host) AND (run, link) <> (@run, @link) AND (name = @bot AND run = @run OR `+present+`) LIMIT 1`, who).Scan(&other)
	if !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%w: %s", watch.ErrEngineTwice, other), err
	}
	err = tx.QueryRow(ctx, `SELECT link FROM bots WHERE name = @bot AND run = @run AND link <> @link AND engine = @name`, who).Scan(&other)
	if !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%w: %s and %s", watch.ErrSameEngine, other, me.Link), err
	}
	return nil, nil
}

// leave forgets a link.
const leave = `DELETE FROM bots WHERE name = $1 AND run = $2 AND link = $3`

// reaches says that bot b looks after container c. One of which nobody knows whose it is, is everybody's on its engine.
const reaches = `b.engine = c.engine AND (b.scope = '' OR b.scope = ANY(c.scopes) OR c.scopes = '{}')`

// present are the bots that were heard of lately.
var present = fmt.Sprintf(`seen_at > now() - interval '%d seconds'`, int(watch.PresentFor.Seconds()))

// comeIn also forgets the links of the bot's run before, which may not be in its settings any more.
func comeIn(ctx context.Context, tx pgx.Tx, me watch.Presence, in snapshot.Introduction, name string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM bots WHERE name = $1 AND run <> $2 AND link <> $3`, me.Bot, me.Run, me.Link); err != nil {
		return fmt.Errorf("forgetting what bot %s was there for: %w", me.Bot, err)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO bots (bot, link, run, engine, engine_id, host, scope, address, peer)
		VALUES (@bot || CASE WHEN @link = '' THEN '' ELSE '/' || @link END, @link, @run, @engine, @id, @host, @scope, @address, @peer)
		ON CONFLICT (bot) DO UPDATE SET run = excluded.run, engine = excluded.engine, engine_id = excluded.engine_id,
			host = excluded.host, scope = excluded.scope, address = excluded.address, peer = excluded.peer, seen_at = now()`, pgx.NamedArgs{
		"bot": me.Bot, "link": me.Link, "run": me.Run, "engine": name, "id": in.ID, "host": in.Host, "scope": me.Scope, "address": me.Address, "peer": me.Peer,
	})
	if err != nil {
		return fmt.Errorf("writing down that bot %s is there: %w", me.Bot, err)
	}
	return nil
}

// NameEngine implements watch.EngineStore. It does nothing when somebody else has named the engine meanwhile.
func (db *DB) NameEngine(ctx context.Context, me watch.Presence, in snapshot.Introduction, t snapshot.Traces,
	choose func([]watch.KnownEngine) (string, incidents.Entry, error)) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE engines IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		var named bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM engines WHERE id = $1)`, in.ID).Scan(&named); err != nil || named {
			return err
		}
		known, err := knownEngines(ctx, tx, me, t)
		if err != nil {
			return err
		}
		name, entry, err := choose(known)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO engines (id, name) VALUES ($1, $2)`, in.ID, name); err != nil || entry.Kind == "" {
			return err
		}
		_, err = db.record(ctx, tx, entry)
		return err
	})
}

func knownEngines(ctx context.Context, tx pgx.Tx, me watch.Presence, t snapshot.Traces) ([]watch.KnownEngine, error) {
	rows, err := tx.Query(ctx, `
		SELECT known.name, EXISTS (SELECT FROM bots WHERE engine = known.name AND (run, link) <> ($3, $4) AND `+present+`),
			(SELECT count(*) FROM containers c WHERE c.engine = known.name AND c.engine_id = ANY($1)),
			(SELECT count(*) FROM snapshots s WHERE starts_with(s.key, known.name || '/') AND s.committed AND s.image_id = ANY($2))
		FROM (SELECT DISTINCT name FROM engines) known`, t.Containers, t.Images, me.Run, me.Link)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[watch.KnownEngine])
}

// Attended implements recovery.Store.
func (db *DB) Attended(ctx context.Context) ([]string, error) {
	return collect(ctx, db.pool, pgx.RowTo[string], `SELECT DISTINCT engine FROM bots WHERE `+present)
}

// Leave implements watch.EngineStore.
func (db *DB) Leave(ctx context.Context, me watch.Presence) error {
	_, err := db.pool.Exec(ctx, leave, me.Bot, me.Run, me.Link)
	return away(err)
}

// EngineName is the name of an engine that calls itself id; "" when it was never seen. The others are all names that are known.
func (db *DB) EngineName(ctx context.Context, id string) (name string, others []string, err error) {
	rows, err := db.pool.Query(ctx, `SELECT id, name FROM engines ORDER BY since`)
	if err != nil {
		return "", nil, away(err)
	}
	var known, its string
	_, err = pgx.ForEachRow(rows, []any{&known, &its}, func() error {
		if known == id {
			name = its
		}
		others = append(others, its)
		return nil
	})
	return name, others, away(err)
}
