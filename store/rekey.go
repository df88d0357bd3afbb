package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/snapshot"
)

// rekeying moves what is known of an identity to another key. What is sealed is bound to its key, so that it is sealed anew.
type rekeying struct {
	db  *DB
	tx  pgx.Tx
	was string
	c   snapshot.Container // with the key that it gets
}

// Rekey implements watch.Identities.
func (db *DB) Rekey(ctx context.Context, was string, c snapshot.Container) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		m := rekeying{db, tx, was, c}
		known, err := m.begin(ctx)
		if err != nil || !known {
			return err
		}
		for _, step := range []func(context.Context) error{m.moveSnapshots, m.moveHolds, m.moveRest, m.moveContainer} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return db.queueNewsOfOffers(ctx, tx, []string{c.Key})
	})
	if err != nil {
		return fmt.Errorf("moving %s to %s: %w", was, c.Key, err)
	}
	return nil
}

// begin keeps others from the same, and from beginning a restore. Known is false when somebody has moved it.
func (m rekeying) begin(ctx context.Context) (known bool, err error) {
	if _, err = m.tx.Exec(ctx, `LOCK TABLE restores IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return false, err // first, since a restore's end locks its row and then its container's
	}
	err = m.tx.QueryRow(ctx, `SELECT true FROM containers WHERE key = $1 FOR UPDATE`, m.was).Scan(&known)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var running bool
	err = m.tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM restores WHERE key IN ($1, $2) AND `+stillRunning+`)`, m.was, m.c.Key).Scan(&running)
	if err == nil && running {
		err = snapshot.ErrInProgress
	}
	return true, err
}

// keptRow is a snapshot of which only that is known which binds it to its key.
type keptRow struct {
	id      int64
	name    string
	deleted bool
	sealed  []byte
}

func (m rekeying) moveSnapshots(ctx context.Context) error {
	rows, err := m.tx.Query(ctx, `SELECT id, name, deleted_at IS NOT NULL, document FROM snapshots WHERE key = $1 ORDER BY id FOR UPDATE`, m.was)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k keptRow, err error) {
		return k, row.Scan(&k.id, &k.name, &k.deleted, &k.sealed)
	})
	if err != nil {
		return err
	}
	if err := m.noteRun(ctx); err != nil {
		return err
	}
	for _, kept := range list {
		if err := m.moveSnapshot(ctx, kept); err != nil {
			return fmt.Errorf("snapshot %s: %w", kept.name, err)
		}
	}
	return nil
}

func (m rekeying) moveSnapshot(ctx context.Context, kept keptRow) error {
	sealed, err := m.seal(kept.sealed)
	if err != nil {
		return err
	}
	name := kept.name
	if !kept.deleted {
		if name, err = m.freeName(ctx, kept.name); err != nil {
			return err
		}
	}
	if _, err = m.tx.Exec(ctx, `UPDATE snapshots SET key = $2, name = $3, document = $4 WHERE id = $1`, kept.id, m.c.Key, name, sealed); err != nil || name == kept.name {
		return err
	}
	if _, err = m.tx.Exec(ctx, `UPDATE deploys SET snapshot = $3 WHERE key = $1 AND snapshot = $2`, m.was, kept.name, name); err != nil {
		return err
	}
	_, err = m.tx.Exec(ctx, `UPDATE restores SET snapshot = $2 WHERE snapshot_id = $1`, kept.id, name)
	return err
}

// seal seals anew. A document that is empty was of a snapshot that is gone.
func (m rekeying) seal(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return sealed, nil
	}
	text, err := m.db.keys.Open(sealInspect, m.was, sealed)
	if err != nil {
		return nil, fmt.Errorf("it can't be opened: %w", err)
	}
	return m.db.keys.Seal(sealInspect, m.c.Key, text)
}

// moveHolds moves what restores have rolled back, which is sealed as well.
func (m rekeying) moveHolds(ctx context.Context) error {
	held, err := collect(ctx, m.tx, pgx.RowToStructByPos[heldRow], `SELECT id, document FROM holds WHERE key = $1 ORDER BY id DESC FOR UPDATE`, m.was) // as lockHolds does
	if err != nil {
		return err
	}
	for _, h := range held {
		sealed, err := m.seal(h.Sealed)
		if err != nil {
			return fmt.Errorf("hold %d: %w", h.ID, err)
		}
		if _, err := m.tx.Exec(ctx, `UPDATE holds SET key = $2, document = $3 WHERE id = $1`, h.ID, m.c.Key, sealed); err != nil {
			return err
		}
	}
	return nil
}

type heldRow struct {
	ID     int64
	Sealed []byte
}

// freeName is a name that no other snapshot has there: pre-deploy-2255, or pre-deploy-2255-2.
func (m rekeying) freeName(ctx context.Context, name string) (free string, err error) {
	free = name
	for n, taken := 2, true; ; n++ {
		err = m.tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM snapshots WHERE key = $1 AND name = $2 AND deleted_at IS NULL)`, m.c.Key, free).Scan(&taken)
		if err != nil || !taken {
			return free, err
		}
		suffix := fmt.Sprintf("-%d", n)
		free = name[:min(len(name), 64-len(suffix))] + suffix
	}
}

// noteRun notes of the baseline for how long its container has run, as far as the record tells: until it had gone, or until the
// one came that stands there now. Earlier releases did not note it, and only the newest baseline would stay.
func (m rekeying) noteRun(ctx context.Context) error {
	var began, ended *time.Time
	err := m.tx.QueryRow(ctx, `SELECT coalesce((doc->>'started_at')::timestamptz, (doc->>'created_at')::timestamptz),
			coalesce(gone_at, (SELECT (n.doc->>'created_at')::timestamptz FROM containers n WHERE n.key = $2))
		FROM containers WHERE key = $1`, m.was, m.c.Key).Scan(&began, &ended)
	if err != nil || began == nil || ended == nil || !ended.After(*began) {
		return err
	}
	_, err = m.tx.Exec(ctx, `UPDATE snapshots SET ran_for_ms = greatest(ran_for_ms, $3) WHERE key = $1 AND container_id = $2 AND reason = 'baseline'`,
		m.was, m.c.ID, ended.Sub(*began).Milliseconds())
	return err
}

// moveRest moves what is not sealed.
func (m rekeying) moveRest(ctx context.Context) error {
	for _, sql := range []string{
		`UPDATE deploys SET key = $2 WHERE key = $1`,
		`UPDATE restores SET key = $2 WHERE key = $1`,
		`UPDATE recordings SET container_key = $2 WHERE container_key = $1`,
		`INSERT INTO schedule_ticks (key, tick) SELECT 'schedule ' || $2, tick FROM schedule_ticks WHERE key = 'schedule ' || $1 ON CONFLICT DO NOTHING`,
		`UPDATE error_keys SET key = $2 WHERE key = $1 AND NOT EXISTS (SELECT FROM error_keys WHERE key = $2)`,
		`INSERT INTO moved_keys (was, key) VALUES ($1, $2) ON CONFLICT (was) DO UPDATE SET key = excluded.key, at = now()`,
	} {
		if _, err := m.tx.Exec(ctx, sql, m.was, m.c.Key); err != nil {
			return err
		}
	}
	return nil
}

// moveContainer gives the record of who was there its new key, unless somebody has that: then it was one of those before.
func (m rekeying) moveContainer(ctx context.Context) error {
	tag, err := m.tx.Exec(ctx, `UPDATE containers n SET former = (n.former || array_remove(array_prepend(o.engine_id, o.former), n.engine_id))[1:10]
		FROM containers o WHERE o.key = $1 AND n.key = $2`, m.was, m.c.Key)
	if err != nil {
		return err
	}
	if tag.RowsAffected() > 0 {
		_, err = m.tx.Exec(ctx, `DELETE FROM containers WHERE key = $1`, m.was)
		return err
	}
	var sealed []byte
	if err = m.tx.QueryRow(ctx, `SELECT document FROM containers WHERE key = $1`, m.was).Scan(&sealed); err != nil {
		return err
	}
	if sealed, err = m.seal(sealed); err != nil {
		return err
	}
	_, err = m.tx.Exec(ctx, `UPDATE containers SET key = @key, document = @document, doc = doc || jsonb_build_object('key', @key::text, 'own', @own::text,
		'config', @config::text, 'service', @service::text) WHERE key = @was`, pgx.NamedArgs{
		"key": m.c.Key, "document": sealed, "own": m.c.Own, "config": m.c.Config, "service": m.c.Service, "was": m.was,
	})
	return err
}
