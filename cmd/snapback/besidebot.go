package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/store"
)

// onlyReads is what is said of commands that do.
const onlyReads = "It changes nothing, so that a schema which is older than this program is refused, with the exit code 3."

// errOlder says that what a command wants to read may not be there yet.
var errOlder = errors.New("the schema is older than this program, and reading does not change it: run snapback migrate, or start serve, which bring it up to date (snapback migrate --dry-run says what they would do)")

// withDatabase opens the bot's database beside it, and brings its schema up to this release, as serve would.
func withDatabase(ctx context.Context, e env, c store.Config, do func(*store.DB) error) error {
	return besideBot(ctx, e, func(url string) error {
		if _, err := store.Migrate(ctx, url); err != nil {
			return databaseError(err)
		}
		return opened(ctx, url, c, do)
	})
}

// readingDatabase is withDatabase for what only reads. It returns errOlder.
func readingDatabase(ctx context.Context, e env, c store.Config, do func(*store.DB) error) error {
	return besideBot(ctx, e, func(url string) error {
		if err := upToDate(ctx, url); err != nil {
			return databaseError(err)
		}
		return opened(ctx, url, c, do)
	})
}

// upToDate returns errOlder, and store.ErrNewer. It changes nothing.
func upToDate(ctx context.Context, url string) error {
	pending, err := store.Pending(ctx, url)
	if err == nil && len(pending) > 0 {
		err = errOlder
	}
	return err
}

func opened(ctx context.Context, url string, c store.Config, do func(*store.DB) error) error {
	c.URL = url
	db, err := store.Open(ctx, c)
	if err != nil {
		return databaseError(err)
	}
	defer db.Close()
	return do(db)
}

// besideBot says where the bot's database is. The private one is joined when the bot has it running, and is never made here: it would be
// another one than the bot's.
func besideBot(ctx context.Context, e env, do func(url string) error) error {
	r := e.reader()
	url, dir := r.get("DATABASE_URL"), ""
	if url == "" {
		dir = r.dataDir(os.Geteuid() == 0)
	}
	if err := r.err(); err != nil {
		return usageError{err}
	}
	if url != "" {
		return do(url)
	}
	if err := madeByBot(dir); err != nil {
		return usageError{err}
	}
	server, err := pgserver.Start(ctx, pgserver.Config{Dir: filepath.Join(dir, "postgres")})
	if err != nil {
		return fmt.Errorf("starting the private PostgreSQL: %w", err)
	}
	defer server.Stop(context.WithoutCancel(ctx)) //nolint:errcheck // it is read from the disk again next time
	return do(server.URL())
}

// madeByBot says what to do where a bot has made no private database in its data folder.
func madeByBot(dir string) error {
	_, err := os.Stat(filepath.Join(dir, "postgres"))
	if err == nil {
		return nil
	}
	return fmt.Errorf("SNAPBACK_DATA_DIR: the bot's private database is not in %s (%w): run this as the bot's account and with its settings, or set DATABASE_URL; "+
		"of a bot that has never run, start that first", dir, errors.Unwrap(err))
}
