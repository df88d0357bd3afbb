package docker

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Record knows who was seen in which place. Without it a container's key is what its labels and its name tell.
type Record interface {
	// Seats lists all places of an engine.
	Seats(ctx context.Context, engine string) ([]snapshot.Seat, error)
}

// standings is for whom containers stand by the last look, so that an Inspect in between says the same.
type standings struct {
	keys  map[string]string // by the engine's ID
	seats []snapshot.Seat   // of the last look
}

// standFor finds out for whom containers stand. All says that there are no others.
func (e *Engine) standFor(members []snapshot.Member, seats []snapshot.Seat, all bool) map[string]snapshot.Standing {
	found := snapshot.Settle(members, withLineage(seats), time.Now())
	e.mu.Lock()
	defer e.mu.Unlock()
	keys := map[string]string{}
	if !all {
		maps.Copy(keys, e.stand.keys)
	}
	for id, st := range found {
		keys[id] = st.Key
	}
	e.stand = standings{keys, seats}
	return found
}

func withLineage(seats []snapshot.Seat) []snapshot.Seat {
	out := slices.Clone(seats)
	for i := range out {
		out[i].Lineage = lineage(out[i].Key)
	}
	return out
}

// seats are what is on record, or was by the last look when the record can't be read: an alert has to be posted all the same.
func (e *Engine) seats(ctx context.Context, engineID string) []snapshot.Seat {
	if e.record == nil {
		return nil
	}
	seats, err := e.record.Seats(ctx, engineID)
	if err == nil {
		return seats
	}
	e.log.WarnContext(ctx, "reading who was seen in which place", "err", err)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stand.seats
}

// keyOf is the key that a container stands for by the last look; else its own.
func (e *Engine) keyOf(id, own string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if key := e.stand.keys[id]; key != "" {
		return key
	}
	return own
}
