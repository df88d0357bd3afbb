package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot/watch"
)

// sameAbsence are those that stand for the same engine. An engine that a bot has not reached since its start has no name.
const sameAbsence = `(bot = @bot AND link = @link OR @engine <> '' AND engine = @engine OR @address <> '' AND address = @address)`

func absenceArgs(a watch.Absence) pgx.NamedArgs {
	return pgx.NamedArgs{"bot": a.Bot, "link": a.Link, "engine": a.Engine, "address": a.Address, "since": a.Since}
}

// TellAway implements watch.Absences.
func (db *DB) TellAway(ctx context.Context, a watch.Absence, e incidents.Entry) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE engine_absences IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO engine_absences (bot, link, engine, address, since) SELECT @bot, @link, @engine, @address, @since
			WHERE NOT EXISTS (SELECT FROM engine_absences WHERE `+sameAbsence+`)
				AND NOT EXISTS (SELECT FROM bots b WHERE (b.name, b.link) <> (@bot, @link) AND b.`+present+`
					AND (@engine <> '' AND b.engine = @engine OR @address <> '' AND b.address = @address))`, absenceArgs(a))
		if err != nil {
			return fmt.Errorf("writing down that an engine is away: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		_, err = db.record(ctx, tx, e)
		return err
	})
}

// TellBack implements watch.Absences.
func (db *DB) TellBack(ctx context.Context, a watch.Absence, entry func(since time.Time) incidents.Entry) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `DELETE FROM engine_absences WHERE `+sameAbsence+` RETURNING since`, absenceArgs(a))
		if err != nil {
			return err
		}
		since, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
		if err != nil || len(since) == 0 {
			return err
		}
		_, err = db.record(ctx, tx, entry(slices.MinFunc(since, time.Time.Compare)))
		return err
	})
}
