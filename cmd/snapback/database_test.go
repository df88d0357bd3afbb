package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/store"
)

func TestStartWaitsForADatabaseThatComesLate(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	if query.Get("host") == "" {
		t.Skip("the database has no socket here that could be cut off")
	}
	l := newLink(t, filepath.Join(query.Get("host"), ".s.PGSQL.5432"))
	l.cut()
	query.Set("host", filepath.Dir(l.at))
	u.RawQuery = query.Encode()
	log := &syncBuffer{news: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		_, err := awaitDatabase(t.Context(), u.String(), time.Minute, slog.New(slog.NewTextHandler(log, nil)))
		ended <- err
	}()
	for { // until it has found out that there is none
		text, news := log.read()
		if strings.Contains(text, "waiting for the database") {
			break
		}
		<-news
	}
	l.mend()
	if err := <-ended; err != nil {
		t.Errorf("it did not wait: %v", err)
	}
}

func TestStartWithoutADatabaseEndsAndNamesTheSetting(t *testing.T) {
	t.Parallel()
	nowhere := "postgres://snapback@/x?host=" + url.QueryEscape(t.TempDir())
	_, err := awaitDatabase(t.Context(), nowhere, 10*time.Millisecond, slog.New(slog.DiscardHandler))
	if !errors.Is(err, store.ErrAway) || !strings.HasPrefix(err.Error(), "DATABASE_URL: ") {
		t.Errorf("got %v, want ErrAway with the setting's name", err)
	}
}

func TestOlderProgramRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true); UPDATE schema_readers SET oldest = 99999`); err != nil {
		t.Fatal(err)
	}
	set := map[string]string{"DATABASE_URL": dsn, "SNAPBACK_DATA_DIR": t.TempDir()}
	for _, args := range [][]string{{"migrate"}, {"token", "list"}} {
		var said bytes.Buffer
		err := run(t.Context(), args, func(name string) string { return set[name] }, nil, &said, &said)
		if code := exitCode(err); code != 2 || strings.Count(said.String(), "\n") != 1 || !strings.Contains(said.String(), "DATABASE_URL: the schema is of a later release") {
			t.Errorf("%v: exit code %d, said %q", args, code, said.String())
		}
	}
	_, err = awaitDatabase(t.Context(), dsn, time.Minute, slog.New(slog.DiscardHandler))
	if exitCode(err) != 2 || !errors.Is(err, store.ErrNewer) {
		t.Errorf("serve: %v", err)
	}
}
