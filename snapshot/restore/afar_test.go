package restore_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// attended is a journal that knows of a bot for whatever is asked for.
type attended struct{ restore.Journal }

func (attended) AttendedFor(context.Context, string) (string, error) { return "", nil }

// TestWhatIsAskedForAfarIsDoneByTheBotThatLooksAfterIt asks a bot that counts the container as another one's. The kit's own is that one.
func TestWhatIsAskedForAfarIsDoneByTheBotThatLooksAfterIt(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, "--env", "V=1", k.Server("shop"))
	old := k.Take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, "--env", "V=2", k.Server("shop"))
	now := k.Take(api)
	far := restore.New(restore.Config{Engine: k.Engine(), Journal: attended{k.DB}, Snapshots: k.DB, Bot: "far"})
	t.Cleanup(func() { _ = far.Stop(context.Background()) })
	ask := func(snap snapshot.Snapshot, change func(*restore.Ask)) (restore.Restore, error) {
		c := k.Container(api)
		c.Elsewhere = true
		ask := restore.Ask{Container: c, Snapshot: snap.Name, Seen: c.ID, By: k.By()}
		change(&ask)
		r, err := far.Request(t.Context(), ask)
		if err != nil {
			return r, err
		}
		return k.Wait(r.ID), nil
	}
	plain := func(*restore.Ask) {}
	if r, err := ask(now, plain); err != nil || r.State != restore.Refused || !slices.Equal(r.WhyNot, []string{api + " runs " + now.Name + " already"}) {
		t.Errorf("what runs already: %s %v, %v", r.State, r.WhyNot, err)
	}
	if _, err := ask(old, func(a *restore.Ask) { a.Volumes = true }); !errors.Is(err, snapshot.ErrNotRestorable) {
		t.Errorf("with volumes: %v", err)
	}
	if r, err := ask(old, plain); err != nil || r.State != restore.Verified {
		t.Errorf("what ran before: %s %v, %v", r.State, r.WhyNot, err)
	}
	if r, err := ask(old, func(a *restore.Ask) { a.Force = true }); err != nil || r.State != restore.Verified {
		t.Errorf("the same once more, forced: %s %v, %v", r.State, r.WhyNot, err)
	}
}
