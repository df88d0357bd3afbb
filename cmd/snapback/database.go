package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/snapback/snapback/store"
)

// databasePatience is how long the start waits for a database that is away: after a reboot it may come up last.
const databasePatience = time.Minute

// openDatabase waits for the database, brings its schema up to this release, and opens it. Its errors name the setting.
func openDatabase(ctx context.Context, c config, with store.Config) (*store.DB, error) {
	var err error
	if with.Conns, err = awaitDatabase(ctx, c.DatabaseURL, databasePatience, with.Logger); err != nil {
		return nil, err
	}
	if _, err := store.Migrate(ctx, c.DatabaseURL); err != nil {
		return nil, databaseError(err)
	}
	with.URL = c.DatabaseURL
	if c.DatabaseFile != "" {
		with.Reread = func() (string, error) {
			text, err := os.ReadFile(c.DatabaseFile)
			return strings.TrimSpace(string(text)), err
		}
	}
	db, err := store.Open(ctx, with)
	return db, databaseError(err)
}

// awaitDatabase returns how many connections the bot may have, once the database answers. One that can't be used is an
// error at once.
func awaitDatabase(ctx context.Context, url string, patience time.Duration, log *slog.Logger) (conns int32, err error) {
	over := time.NewTimer(patience)
	defer over.Stop()
	for said := false; ; {
		conns, err = store.Check(ctx, url)
		if !errors.Is(err, store.ErrAway) || errors.Is(err, store.ErrUnfit) {
			return conns, databaseError(err)
		}
		if !said {
			log.Warn("waiting for the database", "setting", "DATABASE_URL", "patience", patience.String(), "err", err)
			said = true
		}
		select {
		case <-ctx.Done():
			return 0, databaseError(context.Cause(ctx))
		case <-over.C:
			return 0, databaseError(fmt.Errorf("there was no database for %s: %w", patience, err))
		case <-time.After(time.Second):
		}
	}
}

// databaseError names the setting. What no waiting changes is an error in how the program was set up.
func databaseError(err error) error {
	if err == nil {
		return nil
	}
	named := fmt.Errorf("DATABASE_URL: %w", err)
	if errors.Is(err, store.ErrUnfit) || errors.Is(err, store.ErrNewer) {
		return usageError{named}
	}
	return named
}
