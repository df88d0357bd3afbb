package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/recovery"
)

// rebuildSnapshots goes on when the client goes away: half of it is no better than none.
func (a *API) rebuildSnapshots(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), long)
	defer cancel()
	got, err := a.deps.Rebuilder.Rebuild(ctx, by(r, 0, ""))
	if err != nil {
		return fmt.Errorf("rebuilding the snapshots: %w", err)
	}
	return respond(w, http.StatusOK, wire.Rebuilt{
		Found: got.Found, Known: got.Known,
		Added: shapeAll(got.Added, func(s snapshot.Snapshot) wire.Kept {
			return wire.Kept{Container: s.Container, Name: s.Name, Reason: s.Reason, CreatedAt: s.CreatedAt}
		}),
		LeftOut: shapeAll(got.Left, func(l recovery.LeftOut) wire.KeptButNot {
			return wire.KeptButNot{Container: l.Container, Name: l.Snapshot, Why: l.Why}
		}),
	})
}
