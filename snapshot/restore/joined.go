package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Containers that share the network, the processes or the IPC of the one that is replaced keep those of the old one, so
// after the swap they are cut off. A snapshot is taken of those that are enabled, and afterwards they are made anew by
// restores of their own. Asking twice for such a restore finds the first one.

// takeJoined takes a snapshot of every enabled container that will have to be made anew. Snapshots have a name that
// holds the restore's ID, so a second run finds the first one's.
func (ctr *container) takeJoined(ctx context.Context) error {
	for _, j := range ctr.restore.Plan.Joined {
		if !j.Enabled || ctr.Taker == nil {
			continue
		}
		c := snapshot.Container{Key: j.Key, ID: j.ID, Name: j.Name}
		_, err := ctr.Taker.Take(ctx, c, snapshot.TakeRequest{
			Name: ctr.joinedName(), Note: fmt.Sprintf("before restore %d of %s, whose namespace it shares", ctr.restore.ID, ctr.restore.Container),
			ExpiresIn: ctr.Keep, NoVolumes: true, By: snapshot.By{Actor: ctr.restore.By.Actor, Incident: ctr.restore.By.Incident, Source: ctr.restore.By.Source},
		})
		if err != nil && !errors.Is(err, snapshot.ErrNameTaken) {
			return fmt.Errorf("keeping %s, which shares a namespace with it: %w", j.Name, err)
		}
	}
	return nil
}

func (ctr *container) joinedName() string { return fmt.Sprintf("joined-%d", ctr.restore.ID) }

// rejoin makes the containers anew that shared a namespace with the old one. One that does not come back is reported as a
// difference: the restored container itself is fine.
func (ctr *container) rejoin(ctx context.Context) error {
	for _, j := range ctr.restore.Plan.Joined {
		got, err := ctr.rejoinOne(ctx, j)
		if err != nil {
			return err
		}
		if got != "" {
			ctr.restore.Differences = append(ctr.restore.Differences, snapshot.Difference{Attribute: "container " + j.Name, Want: "running in its namespace again", Got: got})
		}
	}
	return nil
}

// rejoinOne returns in words why the container could not be made anew; "" when it was.
func (ctr *container) rejoinOne(ctx context.Context, j JoinedPlan) (string, error) {
	if !j.Enabled || ctr.Taker == nil {
		return "it is not labelled snapback.enable=true: make it anew yourself, it still shares what the old container had", nil
	}
	snap, err := ctr.Snapshots.Snapshot(ctx, j.Key, ctr.joinedName())
	if errors.Is(err, snapshot.ErrUnknownSnapshot) {
		return "its snapshot has been deleted", nil
	}
	if err != nil {
		return "", err
	}
	by := ctr.restore.By
	by.Reason = "it shares a namespace with " + ctr.restore.Container
	child, err := ctr.open(ctx, Restore{
		Kind: Restoring, Key: j.Key, Container: j.Name, SnapshotID: snap.ID, Snapshot: snap.Name, Seen: j.ID, By: by,
	}, fmt.Sprintf("joined-%d-%s", ctr.restore.ID, j.ID))
	if errors.Is(err, snapshot.ErrInProgress) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, ctr.Health+time.Minute, fmt.Errorf("restore %d of %s takes too long", child.ID, j.Name))
	defer cancel()
	if child, err = ctr.Wait(ctx, child.ID); err != nil {
		return "", err
	}
	if child.State != Verified {
		return child.Sentence(child.State), nil
	}
	return "", nil
}

// reattach restarts the containers that share a namespace with the old one, if that was stopped and started again: its
// namespaces are new ones since. Those that can't be restarted are named in the restore's error.
func (ctr *container) reattach(ctx context.Context) error {
	if len(ctr.restore.Plan.Joined) == 0 {
		return nil
	}
	if ctr.restore.Plan.OldStarted.IsZero() {
		return nil // planned by a release that did not do this
	}
	old, err := ctr.Engine.Inspect(ctx, ctr.restore.Plan.OldID)
	again := errors.Is(err, snapshot.ErrUnknownContainer) // it has removed itself: its copy is another one
	if err != nil && !again || err == nil && old.StartedAt.Equal(ctr.restore.Plan.OldStarted) {
		return err
	}
	for _, j := range ctr.restore.Plan.Joined {
		if !j.Enabled || again {
			ctr.cutOff(j.Name)
			continue
		}
		err := ctr.restartAfter(ctx, j, old.StartedAt)
		if retryable(err) {
			return fmt.Errorf("restarting %s: %w", j.Name, err)
		}
		if err != nil {
			ctr.Logger.Warn("restarting what shares a namespace", "restore_id", ctr.restore.ID, "container", j.Name, "err", err)
			ctr.cutOff(j.Name)
		}
	}
	return nil
}

func (ctr *container) cutOff(name string) {
	if note := "; " + name + " shared its namespaces, and is cut off: restart it, or make it anew"; !strings.Contains(ctr.restore.Error, note) {
		ctr.restore.Error += note
	}
}

// restartAfter restarts a container that was started before a moment, or that has ended since with its namespace.
func (ctr *container) restartAfter(ctx context.Context, j JoinedPlan, moment time.Time) error {
	c, err := ctr.Engine.Inspect(ctx, j.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && (c.StartedAt.After(moment) || !snapshot.Alive(c.State) && !j.Running) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := ignoreGone(ctr.Engine.Stop(ctx, j.ID, 10*time.Second)); err != nil {
		return err
	}
	return ignoreGone(ctr.Engine.Start(ctx, j.ID))
}
