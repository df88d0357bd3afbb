package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Containers that share the network, the processes or the IPC of the one that is replaced hold on to the old one's:
// after the swap they are cut off. Those that are enabled are kept beforehand, and made anew afterwards by restores of
// their own, within this one's journal: asking again for the same one finds it.

// takeJoined takes a snapshot of every enabled container that will have to be made anew. Snapshots have a name that
// holds the restore's ID, so a second run finds the first one's.
func (m *container) takeJoined(ctx context.Context) error {
	for _, j := range m.rest.Plan.Joined {
		if !j.Enabled || m.Taker == nil {
			continue
		}
		c := snapshot.Container{Key: j.Key, ID: j.ID, Name: j.Name}
		_, err := m.Taker.Take(ctx, c, snapshot.TakeAsk{
			Name: m.joinedName(), Note: fmt.Sprintf("before restore %d of %s, whose namespace it shares", m.rest.ID, m.rest.Container),
			ExpiresIn: m.Keep, NoVolumes: true, By: snapshot.By{Actor: m.rest.By.Actor, Incident: m.rest.By.Incident, Source: m.rest.By.Source},
		})
		if err != nil && !errors.Is(err, snapshot.ErrNameTaken) {
			return fmt.Errorf("keeping %s, which shares a namespace with it: %w", j.Name, err)
		}
	}
	return nil
}

func (m *container) joinedName() string { return fmt.Sprintf("joined-%d", m.rest.ID) }

// rejoin makes the containers anew that shared a namespace with the old one. Whatever does not come back is told like
// a difference: the restored container itself is fine.
func (m *container) rejoin(ctx context.Context) error {
	for _, j := range m.rest.Plan.Joined {
		got, err := m.rejoinOne(ctx, j)
		if err != nil {
			return err
		}
		if got != "" {
			m.rest.Differences = append(m.rest.Differences, snapshot.Difference{Attribute: "container " + j.Name, Want: "running in its namespace again", Got: got})
		}
	}
	return nil
}

// rejoinOne returns in words why the container could not be made anew; "" when it was.
func (m *container) rejoinOne(ctx context.Context, j JoinedPlan) (string, error) {
	if !j.Enabled || m.Taker == nil {
		return "it is not labelled snapback.enable=true: make it anew yourself, it still shares what the old container had", nil
	}
	snap, err := m.Snapshots.Snapshot(ctx, j.Key, m.joinedName())
	if errors.Is(err, snapshot.ErrUnknownSnapshot) {
		return "its snapshot has been deleted", nil
	}
	if err != nil {
		return "", err
	}
	by := m.rest.By
	by.Reason = "it shares a namespace with " + m.rest.Container
	child, err := m.open(ctx, Restore{
		Kind: Restoring, Key: j.Key, Container: j.Name, SnapshotID: snap.ID, Snapshot: snap.Name, Seen: j.ID, By: by,
	}, fmt.Sprintf("joined-%d-%s", m.rest.ID, j.ID))
	if errors.Is(err, snapshot.ErrInProgress) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, m.Health+time.Minute, fmt.Errorf("restore %d of %s takes too long", child.ID, j.Name))
	defer cancel()
	if child, err = m.Wait(ctx, child.ID); err != nil {
		return "", err
	}
	if child.State != Verified {
		return child.Sentence(child.State), nil
	}
	return "", nil
}

// reattach restarts the containers that share a namespace with the old one, when that was stopped and has been started
// again: the namespaces are new ones since. Those that can't be are named.
func (m *container) reattach(ctx context.Context) error {
	if len(m.rest.Plan.Joined) == 0 {
		return nil
	}
	if m.rest.Plan.OldStarted.IsZero() {
		return nil // planned by a release that did not do this
	}
	old, err := m.Engine.Inspect(ctx, m.rest.Plan.OldID)
	again := errors.Is(err, snapshot.ErrUnknownContainer) // it has removed itself: its copy is another one
	if err != nil && !again || err == nil && old.StartedAt.Equal(m.rest.Plan.OldStarted) {
		return err
	}
	for _, j := range m.rest.Plan.Joined {
		if !j.Enabled || again {
			m.cutOff(j.Name)
			continue
		}
		err := m.restartAfter(ctx, j, old.StartedAt)
		if retryable(err) {
			return fmt.Errorf("restarting %s: %w", j.Name, err)
		}
		if err != nil {
			m.Logger.Warn("restarting what shares a namespace", "restore_id", m.rest.ID, "container", j.Name, "err", err)
			m.cutOff(j.Name)
		}
	}
	return nil
}

func (m *container) cutOff(name string) {
	if note := "; " + name + " shared its namespaces, and is cut off: restart it, or make it anew"; !strings.Contains(m.rest.Error, note) {
		m.rest.Error += note
	}
}

// restartAfter restarts a container that runs since before a moment, or ran until its namespace went.
func (m *container) restartAfter(ctx context.Context, j JoinedPlan, moment time.Time) error {
	c, err := m.Engine.Inspect(ctx, j.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && (c.StartedAt.After(moment) || !alive(c) && !j.Running) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := ignoreGone(m.Engine.Stop(ctx, j.ID, 10*time.Second)); err != nil {
		return err
	}
	return ignoreGone(m.Engine.Start(ctx, j.ID))
}
