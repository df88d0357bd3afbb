package restore

import (
	"context"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// A restore of a container that another bot looks after is written into the journal here, and begun by that bot, which finds it there within
// seconds. What depends on the container's engine is found out there, in the preflight.

// requestAfar opens a restore for the bot that looks after the container.
func (r *Restorer) requestAfar(ctx context.Context, ask Ask, rest Restore) (Restore, error) {
	if ask.Volumes {
		return Restore{}, &RefusedError{Reasons: []string{"what its volumes held is at the bot that looks after it, and can be put back only there"}}
	}
	answered, err := r.Journal.Answered(ctx, rest.Key, ask.Idempotency)
	if err != nil {
		return Restore{}, err
	}
	// It is asked also of what is answered: what runs now may be over by the time that this is opened.
	if rest.Only, err = r.Journal.AttendedFor(ctx, rest.Key); err != nil && !answered {
		return Restore{}, err
	}
	rest.State, rest.RequestedAt, rest.Plan.Afar, rest.Plan.Force = Requested, time.Now().UTC(), true, ask.Force
	opened, _, err := r.Journal.Open(ctx, rest, ask.Idempotency)
	return opened, err
}

// isOthers says whether an undo is for bots with another label than this one's, which are there.
func (r *Restorer) isOthers(ctx context.Context, undo Restore) bool {
	if undo.Kind != Undoing || r.Only == "" || undo.Only == r.Only {
		return false
	}
	attended, err := r.Journal.RestoresAttended(ctx, undo.Key, undo.Only)
	return err == nil && attended // else the journal says why not when it is opened
}

// changesNothing is why a restore is refused that was asked for afar, and would put back what runs. Of one of a container that is forced, it
// notes that instead, as alreadyThere does.
func (m *machine) changesNothing(ctx context.Context) (why []string, err error) {
	p := &m.restore.Plan
	if !p.Afar || p.OldID == "" || p.Replicas {
		return nil, nil
	}
	snap, err := m.Snapshots.SnapshotByID(ctx, m.restore.SnapshotID)
	if err != nil {
		return nil, err
	}
	_, service := m.Engine.(ServiceEngine)
	present, err := m.present(ctx, snapshot.Container{Key: m.restore.Key, ID: p.OldID})
	if err != nil || present.now.State != "running" && !service {
		return nil, err
	}
	_, same, layer, err := present.with(snap)
	if err != nil || !same || layer {
		return nil, err
	}
	there := &AlreadyThereError{Container: m.restore.Container, Snapshot: snap.Name, Service: service}
	if service {
		return []string{there.Anew()}, nil
	}
	if p.Anew = p.Force; p.Anew {
		return nil, nil
	}
	return []string{there.Error()}, nil
}
