package capture

import (
	"context"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// inspectWithin is for how long taking a snapshot waits for the engine's answer about a container. One that hangs may keep the engine
// from answering for ever, and whoever waits holds a slot that others wait for.
const inspectWithin = 30 * time.Second

// The other limits of taking a snapshot. docs/limits.md has them all.
const (
	commitWait    = 10 * time.Minute // for the commits of others to end
	freezeLimit   = 5 * time.Second  // of a container whose volumes are archived, with snapback.pause=auto
	thawAgain     = 200 * time.Millisecond
	thawWithin    = 30 * time.Second // how long the engine may take to let it run again
	discardWithin = 30 * time.Second // how long removing what could not be written down may take
)

func inspect(ctx context.Context, engine snapshot.Inspector, id string) (snapshot.Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectWithin)
	defer cancel()
	return engine.Inspect(ctx, id)
}
