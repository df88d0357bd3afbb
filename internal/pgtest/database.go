package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The names tell what may be dropped: the time in them, in seconds, is when they were made.
const (
	testPrefix     = "snapback_test_"
	templatePrefix = "snapback_template_"
	// abandoned is the age from which on a database is one that a killed test has left.
	abandoned = 24 * time.Hour
	// gate is the advisory lock that one program at a time holds to make a template.
	gate = 0x736e6170
)

// objectInUse is what a rename or a clone fails with while a session of the database is just ending.
const objectInUse = "55006"

// server is where databases are made; admin is the URL of one that exists.
type server struct{ admin string }

// url is admin's with another database. The keyword form takes the last of two.
func (s server) url(database string) string {
	if !strings.HasPrefix(s.admin, "postgres://") && !strings.HasPrefix(s.admin, "postgresql://") {
		return s.admin + " dbname=" + database
	}
	u, err := url.Parse(s.admin)
	if err != nil {
		return s.admin // which connecting will complain about
	}
	query := u.Query()
	query.Del("dbname")
	query.Del("database")
	u.Path, u.RawQuery = "/"+database, query.Encode()
	return u.String()
}

// do runs statements one by one on the admin database.
func (s server) do(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		if err := patiently(ctx, conn, sql); err != nil {
			return err
		}
	}
	return nil
}

// patiently tries again while a session that somebody has closed is not quite gone.
func patiently(ctx context.Context, conn *pgx.Conn, sql string) error {
	for {
		_, err := conn.Exec(ctx, sql)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != objectInUse {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// clone copies the files, which takes half the time of copying through the log, as is usual from PostgreSQL 15 on.
func (s server) clone(ctx context.Context, template, name string) error {
	return s.do(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template+" STRATEGY file_copy")
}

func (s server) drop(ctx context.Context, name string) error {
	return s.do(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

// template returns the name of the migrated database for this function, made now if there is none.
func (s server) template(ctx context.Context, migrate Migrate) (string, error) {
	key, err := fingerprint(migrate)
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if name, err := find(ctx, conn, key); name != "" || err != nil {
		return name, err
	}
	// Given up with the connection.
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", gate); err != nil {
		return "", err
	}
	if name, err := find(ctx, conn, key); name != "" || err != nil {
		return name, err
	}
	if err := sweep(ctx, conn); err != nil {
		return "", err
	}
	return s.build(ctx, key, migrate)
}

// find looks for a finished template: it has its name only from then on.
func find(ctx context.Context, conn *pgx.Conn, key string) (string, error) {
	var name string
	err := conn.QueryRow(ctx, "SELECT datname FROM pg_database WHERE datname LIKE $1 ORDER BY datname DESC LIMIT 1", templatePrefix+key+"_%").Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return name, err
}

func (s server) build(ctx context.Context, key string, migrate Migrate) (string, error) {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	raw, name := testPrefix+now+"_"+key, templatePrefix+key+"_"+now
	if err := s.do(ctx, "DROP DATABASE IF EXISTS "+raw+" WITH (FORCE)", "CREATE DATABASE "+raw+" TEMPLATE template0"); err != nil {
		return "", err
	}
	if err := migrate(ctx, s.url(raw)); err != nil {
		return "", errors.Join(fmt.Errorf("migrating: %w", err), s.drop(ctx, raw))
	}
	return name, s.do(ctx, "ALTER DATABASE "+raw+" ALLOW_CONNECTIONS false", "ALTER DATABASE "+raw+" RENAME TO "+name)
}

// sweep drops what killed tests and changed migrations have left on a server that lasts.
func sweep(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE datname ^@ $1 OR datname ^@ $2", testPrefix, templatePrefix)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if time.Since(made(name)) > abandoned {
			if err := patiently(ctx, conn, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
				return err
			}
		}
	}
	return nil
}

// made reads the time in a name; what has none was made just now, as far as dropping it is concerned.
func made(name string) time.Time {
	for part := range strings.SplitSeq(name, "_") {
		if seconds, err := strconv.ParseInt(part, 10, 64); err == nil && len(part) == 10 {
			return time.Unix(seconds, 0)
		}
	}
	return time.Now()
}
