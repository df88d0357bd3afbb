package capture

import (
	"context"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// inspectWithin is for how long taking a snapshot waits for the engine's answer about a container. One that hangs may keep the engine
// from answering for ever, and whoever waits holds a slot that others wait for.
const inspectWithin = 30 * time.Second

func inspect(ctx context.Context, engine snapshot.Inspector, id string) (snapshot.Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectWithin)
	defer cancel()
	return engine.Inspect(ctx, id)
}
