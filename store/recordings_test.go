package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

// blink ends connections on which a query with a text in it is asked.
type blink struct{ on string }

func (b *blink) TraceQueryStart(ctx context.Context, conn *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if b.on != "" && strings.Contains(q.SQL, b.on) {
		_ = conn.PgConn().Conn().Close()
	}
	return ctx
}

func (b *blink) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestAChunkIsNotDeniedWhileTheDatabaseBlinks has it go away while it is looked up whether a chunk is there already.
func TestAChunkIsNotDeniedWhileTheDatabaseBlinks(t *testing.T) {
	t.Parallel()
	cfg, err := pgxpool.ParseConfig(storetest.URL(t))
	testkit.OK(t, err)
	b := &blink{}
	cfg.ConnConfig.Tracer = b
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	testkit.OK(t, err)
	t.Cleanup(pool.Close)
	s := store.NewTerminalStore(pool, testkit.Ring(t))
	hash := []byte(strings.Repeat("a", 32))
	g := access.Grant{Person: access.Holder{Person: access.Person{Name: "Ada"}}, Container: "k", Name: "api", Mode: access.ModeShell}
	testkit.OK(t, s.CreateLink(t.Context(), hash, "a", g, time.Now().Add(time.Hour)))
	testkit.OK(t, s.Redeem(t.Context(), terminal.Redeemer{Token: hash, Cookie: hash}, terminal.Session{ID: "one", Grant: g, OpenedAt: evening, ExpiresAt: evening}))
	testkit.OK(t, s.BeginRecording(t.Context(), terminal.Recording{ID: "one", SessionID: "one", Container: "api", StartedAt: evening}))
	testkit.OK(t, s.AppendRecording(t.Context(), "one", 0, []byte("chunk")))
	b.on = "SELECT chunk FROM"
	if err := s.AppendRecording(t.Context(), "one", 0, []byte("chunk")); !errors.Is(err, terminal.ErrStoreAway) {
		t.Errorf("while the database is away: %v", err)
	}
	b.on = ""
	testkit.OK(t, s.AppendRecording(t.Context(), "one", 0, []byte("chunk")))
	if err := s.AppendRecording(t.Context(), "one", 0, []byte("another")); err == nil || errors.Is(err, terminal.ErrStoreAway) {
		t.Errorf("another chunk under its number: %v", err)
	}
}
