package snapshot_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
)

func TestOthersAreTakenWhileVolumesAreRead(t *testing.T) {
	v := setupVolumes(t)
	v.run("--label", "snapback.pause=false")
	other := v.Name("other")
	v.Run(other, v.image)
	v.Docker("exec", other, "/app", "touch", "/written")
	during := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if _, err := v.taker.Take(ctx, v.container(other), snapshot.TakeAsk{By: v.by()}); err != nil {
			t.Errorf("while volumes were read: %v", err)
		}
	}
	v.engine.during.Store(&during)
	if got := v.take(v.api).Volumes; got == nil || got.Problem != "" {
		t.Errorf("archived: %+v", got)
	}
}

func TestDeployDoesNotWaitForAScheduledArchive(t *testing.T) {
	v := setupVolumes(t)
	v.watch()
	labels := []string{"--label", "snapback.pause=false", "--label", "snapback.schedule=@every 2s"}
	first, key := v.run(labels...), v.key(v.api)
	v.awaitBaseline(key, first)
	reading := make(chan struct{}, 100)
	endless := func(ctx context.Context) { reading <- struct{}{}; <-ctx.Done() }
	v.engine.during.Store(&endless)
	<-reading
	v.Docker("rm", "-f", v.api)
	v.run(append(labels, "--env", "V=2")...)
	d := v.awaitDeploys(key, 1)[0]
	if kept, err := v.db.Snapshot(t.Context(), key, d.Snapshot); err != nil || kept.Volumes == nil || kept.Volumes.Problem != "" {
		t.Errorf("the state from before is %q, %+v, %v, want a baseline with its archive", d.Snapshot, kept.Volumes, err)
	}
	list := v.of(key, snapshot.Scheduled)
	if len(list) == 0 || list[0].ContainerID != first || list[0].Volumes == nil || !strings.Contains(list[0].Volumes.Problem, "another container came to its place") {
		t.Errorf("scheduled: %+v, want that its archive was given up", list)
	}
}

func TestWaitForAnotherBotsCommitHasAnEndAndHoldsNothingStill(t *testing.T) {
	v := setupVolumes(t)
	v.run()
	v.Docker("exec", v.api, "/app", "touch", "/written")
	busy, take := v.written(v.Name("busy")), snapshot.TakeAsk{Name: "x", By: v.by()}
	v.taker.Wait = 300 * time.Millisecond
	for _, volumes := range []bool{true, false} {
		take.NoVolumes = !volumes
		other := v.bot(func() {
			if _, err := v.taker.Take(t.Context(), v.container(v.api), take); !errors.Is(err, snapshot.ErrCommitsBusy) {
				t.Errorf("during another bot's commit: %v, want ErrCommitsBusy", err)
			}
		}, nothing)
		if _, err := other.Take(t.Context(), busy, snapshot.TakeAsk{By: v.by()}); err != nil {
			t.Error(err)
		}
	}
	if n := v.engine.paused.Load(); n != 0 {
		t.Errorf("it was paused %d times to wait", n)
	}
	take.NoVolumes = false
	if s, err := v.taker.Take(t.Context(), v.container(v.api), take); err != nil || !s.Committed || s.Volumes == nil || s.Volumes.Problem != "" || v.engine.paused.Load() != 1 {
		t.Errorf("after it: %+v, %v, and paused %d times", s, err, v.engine.paused.Load())
	}
}
