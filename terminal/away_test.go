package terminal_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

func TestStoreThatIsAwayIsToldAsSuch(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://snapback@/x?host="+t.TempDir()) // where nobody listens
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	ring := testkit.Ring(t)
	s := store.NewTerminalStore(pool, ring)
	_, err = s.SessionByCookie(t.Context(), []byte("x"))
	if !errors.Is(err, terminal.ErrStoreAway) || !errors.Is(err, store.ErrAway) {
		t.Errorf("got %v, want ErrStoreAway", err)
	}
}
