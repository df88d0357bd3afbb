// Package migrations holds the numbered SQL files that make the schema: the first one makes all of it, and what changes
// after a release is a file of its own with a higher number. They go forward only, and every one works with the release
// before it, so that bots can be replaced one by one. Package store runs them.
package migrations

import "embed"

// Files are the migrations, in goose's form.
//
//go:embed *.sql
var Files embed.FS

// Before is the highest number of a migration that the release before this one has. That release may work on a schema which this one
// has brought up to date: make downgrade tries it. Whoever makes a release sets it to what the last one had; a migration with which
// the release before can't work sets it to its own number. No release has been made yet: it is what the first build knew that asks.
const Before = 175
