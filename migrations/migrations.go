// Package migrations holds the numbered SQL files that make the schema: the first one makes all of it, and what changes
// after a release is a file of its own with a higher number. They go forward only, and every one works with the release
// before it, so that bots can be replaced one by one. Package store runs them.
package migrations

import "embed"

// Files are the migrations, in goose's form.
//
//go:embed *.sql
var Files embed.FS
