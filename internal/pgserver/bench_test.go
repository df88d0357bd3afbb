package pgserver_test

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/snapback/snapback/internal/pgserver"
)

// BenchmarkStart is the time from nothing (cold), from a stopped server (warm), and beside a running one (join)
// until the database takes connections.
func BenchmarkStart(b *testing.B) {
	b.Run("cold", func(b *testing.B) {
		root := b.TempDir()
		for i := 0; b.Loop(); i++ {
			begin(b, filepath.Join(root, strconv.Itoa(i)))()
		}
	})
	b.Run("warm", func(b *testing.B) {
		dir := filepath.Join(b.TempDir(), "pg")
		begin(b, dir)()
		for b.Loop() {
			begin(b, dir)()
		}
	})
	b.Run("join", func(b *testing.B) {
		dir := filepath.Join(b.TempDir(), "pg")
		defer begin(b, dir)()
		for b.Loop() {
			begin(b, dir)()
		}
	})
}

// begin starts, and returns a stop that is not measured.
func begin(b *testing.B, dir string) (stop func()) {
	b.Helper()
	srv, err := pgserver.Start(context.Background(), pgserver.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		b.StopTimer()
		defer b.StartTimer()
		if err := srv.Stop(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
