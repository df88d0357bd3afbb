package capture_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
)

func TestOthersAreTakenWhileVolumesAreRead(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.RunAPI("--label", "snapback.pause=false")
	other := v.Name("other")
	v.Run(other, v.AppImage)
	v.Docker("exec", other, "/app", "touch", "/written")
	during := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		if _, err := v.Taker.Take(ctx, v.Container(other), snapshot.TakeRequest{By: v.By()}); err != nil {
			t.Errorf("while volumes were read: %v", err)
		}
	}
	v.Faulty.During.Store(&during)
	if got := v.Take(v.API).Volumes; got == nil || got.Problem != "" {
		t.Errorf("archived: %+v", got)
	}
}

func TestDeployDoesNotWaitForAScheduledArchive(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.Watch()
	labels := []string{"--label", "snapback.pause=false", "--label", "snapback.schedule=@every 2s"}
	first, key := v.RunAPI(labels...), v.Key(v.API)
	v.AwaitBaseline(key, first)
	reading := make(chan struct{}, 100)
	endless := func(ctx context.Context) { reading <- struct{}{}; <-ctx.Done() }
	v.Faulty.During.Store(&endless)
	<-reading
	v.Docker("rm", "-f", v.API)
	v.RunAPI(append(labels, "--env", "V=2")...)
	d := v.AwaitDeploys(key, 1)[0]
	if kept, err := v.DB.Snapshot(t.Context(), key, d.Snapshot); err != nil || kept.Volumes == nil || kept.Volumes.Problem != "" {
		t.Errorf("the state from before is %q, %+v, %v, want a baseline with its archive", d.Snapshot, kept.Volumes, err)
	}
	list := v.Of(key, snapshot.Scheduled)
	if len(list) == 0 || list[0].ContainerID != first || list[0].Volumes == nil || !strings.Contains(list[0].Volumes.Problem, "another container came to its place") {
		t.Errorf("scheduled: %+v, want that its archive was given up", list)
	}
}

func TestWaitForAnotherBotsCommitHasAnEndAndHoldsNothingStill(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.RunAPI()
	v.Docker("exec", v.API, "/app", "touch", "/written")
	busy, take := v.Written(v.Name("busy")), snapshot.TakeRequest{Name: "x", By: v.By()}
	v.Taker.Wait = 300 * time.Millisecond
	for _, volumes := range []bool{true, false} {
		take.NoVolumes = !volumes
		other := v.Bot(func() {
			if _, err := v.Taker.Take(t.Context(), v.Container(v.API), take); !errors.Is(err, snapshot.ErrCommitsBusy) {
				t.Errorf("during another bot's commit: %v, want ErrCommitsBusy", err)
			}
		}, nothing)
		if _, err := other.Take(t.Context(), busy, snapshot.TakeRequest{By: v.By()}); err != nil {
			t.Error(err)
		}
	}
	if n := v.Faulty.Paused.Load(); n != 0 {
		t.Errorf("it was paused %d times to wait", n)
	}
	take.NoVolumes = false
	if s, err := v.Taker.Take(t.Context(), v.Container(v.API), take); err != nil || !s.Committed || s.Volumes == nil || s.Volumes.Problem != "" || v.Faulty.Paused.Load() != 1 {
		t.Errorf("after it: %+v, %v, and paused %d times", s, err, v.Faulty.Paused.Load())
	}
}
