package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrUnfit says that the database answers, and can't do what the bot needs. What to set is in the error.
var ErrUnfit = errors.New("this database can't be used")

// oldestPostgres is the first version with all that the schema has.
const oldestPostgres = 15

// Check finds out whether the bot can work with the database at url, and with how many connections. It returns ErrAway,
// ErrUnfit or ErrNewer. It changes nothing.
func Check(ctx context.Context, url string) (conns int32, err error) {
	pc, err := poolConfig(url)
	if err != nil {
		return 0, err
	}
	pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // prepared statements may be what it can't do
	conn, err := pgx.ConnectConfig(ctx, pc.ConnConfig)
	if err != nil {
		return 0, fmt.Errorf("connecting: %w", refused(away(err)))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := checkVersion(ctx, conn); err != nil {
		return 0, away(err)
	}
	if err := checkSessions(ctx, conn, pc.ConnConfig); err != nil {
		return 0, away(err)
	}
	if err := refuseForeign(ctx, conn); err != nil {
		return 0, away(err)
	}
	conns, err = checkLimits(ctx, conn, pc.MaxConns)
	return conns, away(err)
}

// refused makes ErrUnfit of an answer that waiting won't change: a wrong name, password or database.
func refused(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "28") || pg.Code == "3D000" || pg.Code == "08P01") {
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	return err
}

func checkVersion(ctx context.Context, conn *pgx.Conn) error {
	var version int
	if err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return err
	}
	if version/10000 < oldestPostgres {
		return fmt.Errorf("%w: it is PostgreSQL %d, and %d or later is needed", ErrUnfit, version/10000, oldestPostgres)
	}
	return nil
}

var errPooled = fmt.Errorf("%w: a connection pooler shares its sessions among clients, as PgBouncer does with pool_mode = transaction. "+
	"Locks, LISTEN and prepared statements need sessions of their own: set pool_mode = session for this user, or name Postgres' own address", ErrUnfit)

// checkSessions finds poolers that give a client another session for each transaction. One connection leaves a mark
// in its session. While another one has a transaction open, the first is asked for its mark: either the second has been given
// the first one's session, or the first is given a new one.
func checkSessions(ctx context.Context, first *pgx.Conn, cc *pgx.ConnConfig) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // a pool of one session has none left for the first
	defer cancel()
	if _, err := first.Exec(ctx, `SELECT set_config('snapback.session', 'first', false)`); err != nil {
		return err
	}
	second, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return err
	}
	defer second.Close(context.WithoutCancel(ctx))
	if _, err := second.Exec(ctx, `BEGIN`); err != nil {
		return err
	}
	theirs, err := markOf(ctx, second)
	if err != nil {
		return err
	}
	own, err := markOf(ctx, first)
	if theirs != "" || own != "first" && err == nil || errors.Is(err, context.DeadlineExceeded) {
		return errPooled
	}
	return err
}

func markOf(ctx context.Context, conn *pgx.Conn) (value string, err error) {
	err = conn.QueryRow(ctx, `SELECT coalesce(current_setting('snapback.session', true), '')`).Scan(&value)
	return value, err
}

// checkLimits returns how many connections the pool may have, two of which are left for commands such as doctor.
func checkLimits(ctx context.Context, conn *pgx.Conn, wanted int32) (int32, error) {
	var limit int32
	var role string
	err := conn.QueryRow(ctx, `SELECT current_user, min(n)::int FROM (
		SELECT rolconnlimit AS n FROM pg_roles WHERE rolname = current_user AND NOT rolsuper
		UNION ALL SELECT datconnlimit FROM pg_database WHERE datname = current_database()
		UNION ALL SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int) l
		WHERE n >= 0`).Scan(&role, &limit)
	switch {
	case err != nil:
		return 0, err
	case wanted < leastConns:
		return 0, fmt.Errorf("%w: pool_max_conns=%d is too few connections, the bot needs %d", ErrUnfit, wanted, leastConns)
	case limit-2 < leastConns:
		return 0, fmt.Errorf("%w: %s may have %d connections here, the bot and its commands need %d (ALTER ROLE … CONNECTION LIMIT, ALTER DATABASE … CONNECTION LIMIT, max_connections)",
			ErrUnfit, role, limit, leastConns+2)
	}
	return min(wanted, limit-2), nil
}
