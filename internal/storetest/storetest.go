// Package storetest gives a test a database of its own with the schema in it, and the store on it.
package storetest

import (
	"context"
	"testing"

	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// Migrate brings the database at dsn to the newest schema.
func Migrate(ctx context.Context, dsn string) error {
	_, err := store.Migrate(ctx, dsn)
	return err
}

// URL is where the test's own database is.
func URL(t testing.TB) string {
	t.Helper()
	return pgtest.New(t, Migrate)
}

// New is the store on a database of the test's own.
func New(t testing.TB) *store.DB {
	t.Helper()
	return Open(t, URL(t), testkit.Ring(t))
}

// Open is a store on the database at url, until the test's cleanup.
func Open(t testing.TB, url string, keys *keyring.Ring) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{URL: url, Keys: keys})
	testkit.OK(t, err)
	t.Cleanup(db.Close)
	return db
}
