package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/terminal"
)

// reacher is a bot that reaches a container; no name: none does.
type reacher struct {
	Name    *string
	Address *string
	Present bool
}

// Beyond lists the other bots to which a container's terminals have to be passed on, in an order that stays the same; none when this bot
// was heard of lately from the container's engine, or knows as little of the container as anybody. See terminal.Peers.
func (db *DB) Beyond(ctx context.Context, container string) ([]terminal.Peer, error) {
	all, err := collect(ctx, db.pool, pgx.RowToStructByPos[reacher], `
		SELECT b.name, max(b.peer), coalesce(bool_or(b.`+present+`), false) FROM containers c LEFT JOIN bots b ON `+reaches+`
		WHERE c.key = $1 GROUP BY b.name ORDER BY b.name`, container)
	if err != nil {
		return nil, terminalAway(err)
	}
	var others []terminal.Peer
	mine, someone := len(all) == 0, false
	for _, r := range all {
		switch {
		case r.Name == nil:
		case *r.Name == db.bot && r.Present:
			return nil, nil
		case *r.Name == db.bot:
			mine = true
		case r.Present:
			someone = true
			if *r.Address != "" {
				others = append(others, terminal.Peer{Bot: *r.Name, Address: *r.Address})
			}
		}
	}
	switch {
	case len(others) > 0 || mine:
		return others, nil
	case someone:
		return nil, terminal.ErrElsewhere
	}
	return nil, fmt.Errorf("%w: no bot reaches it", snapshot.ErrEngineAway)
}

// Peer is a bot that was heard of lately, and where others reach it. See terminal.Peers.
func (db *DB) Peer(ctx context.Context, bot string) (terminal.Peer, error) {
	var address string
	err := db.pool.QueryRow(ctx, `SELECT coalesce(max(peer), '') FROM bots WHERE name = $1 AND `+present, bot).Scan(&address)
	if err == nil && address == "" {
		err = fmt.Errorf("%w: bot %s is gone or says no address", terminal.ErrElsewhere, bot)
	}
	return terminal.Peer{Bot: bot, Address: address}, terminalAway(err)
}

// Neighbour is a bot that was heard of lately.
type Neighbour struct {
	Name    string
	Address string // where others reach it; "": it says none
	Needed  bool   // some other one does not reach all that it reaches, and has to pass terminals on to it
}

// Neighbours lists the bots that were heard of lately, by name.
func (db *DB) Neighbours(ctx context.Context) ([]Neighbour, error) {
	return collect(ctx, db.pool, pgx.RowToStructByPos[Neighbour], `
		WITH here AS (SELECT name, peer, engine, scope FROM bots WHERE `+present+`)
		SELECT b.name, max(b.peer), bool_or(EXISTS (SELECT FROM here o WHERE NOT EXISTS (
			SELECT FROM here r WHERE r.name = o.name AND r.engine = b.engine AND r.scope IN ('', b.scope))))
		FROM here b GROUP BY b.name ORDER BY b.name`)
}
