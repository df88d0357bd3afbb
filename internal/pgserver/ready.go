package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// errExited means that the server ended while we waited for it.
var errExited = errors.New("the server ended")

// PostgreSQL's error codes (its manual, appendix A).
const (
	invalidCatalogName = "3D000"
	duplicateDatabase  = "42P04"
	uniqueViolation    = "23505"
	cannotConnectNow   = "57P03" // starting up, recovering, or shutting down
)

// ready waits until our database takes connections, and makes it if this server has not got it
// yet. It takes as long as a recovery takes: ctx is the only limit.
func (p *postmaster) ready(ctx context.Context) error {
	for {
		err := ping(ctx, address(p.socket, owner))
		switch {
		case err == nil:
			return nil
		case hasCode(err, invalidCatalogName):
			err = p.createDatabase(ctx)
		}
		if err != nil && !passing(err) {
			return err
		}
		if p.gone() {
			return errExited
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("waiting until the database takes connections: %w", err)
		}
	}
}

func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// createDatabase is content with another program's having been faster.
func (p *postmaster) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, address(p.socket, "postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+owner)
	if hasCode(err, duplicateDatabase) || hasCode(err, uniqueViolation) {
		err = nil
	}
	return errors.Join(err, conn.Close(ctx))
}

// passing tells the errors of a server that is on its way up or down.
func passing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || hasCode(err, cannotConnectNow) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

func hasCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}
