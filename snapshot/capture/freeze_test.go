package capture_test

import (
	"context"
	"testing"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
)

// wantRunning fails when the container stands still, or somebody would still look whether it does.
func wantRunning(t *testing.T, v *snapshottest.VolumeKit) {
	t.Helper()
	if state := v.Container(v.API).State; state != "running" {
		t.Errorf("it is %s", state)
	}
	if left, err := v.Vault.FrozenOnes(); err != nil || len(left) > 0 {
		t.Errorf("noted as frozen: %v, %v", left, err)
	}
}

// TestAPauseWhoseAnswerIsLostIsTakenBack has the engine freeze a container, and never say so. It costs no archive.
func TestAPauseWhoseAnswerIsLostIsTakenBack(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.RunAPI()
	v.Faulty.LosePause.Store(true)
	if got := v.Take(v.API).Volumes; got == nil || got.Problem != "" || got.Consistency != snapshot.CrashConsistent {
		t.Errorf("its volumes: %+v", got)
	}
	if state := v.Container(v.API).State; state != "running" {
		t.Errorf("it is %s", state)
	}
	v.Docker("pause", v.API) // the engine has done it late
	if err := v.Volumes.LookAfter(t.Context(), ""); err != nil {
		t.Error(err)
	}
	wantRunning(t, v)
}

// unseenDuring has the engine say nothing of a container from the reading of its volume on.
func unseenDuring(v *snapshottest.VolumeKit, why error) {
	unseen := func(context.Context) { v.Faulty.Unseen.Store(&why) }
	v.Faulty.During.Store(&unseen)
}

// TestAnArchiveStaysWhereNobodyCanSayHowStillItWas and says the least of it.
func TestAnArchiveStaysWhereNobodyCanSayHowStillItWas(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.RunAPI()
	unseenDuring(v, snapshot.ErrEngineAway)
	if got := v.Take(v.API).Volumes; got == nil || got.Problem != "" || got.Consistency != snapshot.CrashConsistent {
		t.Errorf("its volumes: %+v", got)
	}
	v.Faulty.Unseen.Store(nil)
	wantRunning(t, v)
}

// TestWhatIsRemovedWhileItIsArchivedHasNoArchive: what took its place may have written to its volumes.
func TestWhatIsRemovedWhileItIsArchivedHasNoArchive(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.RunAPI()
	unseenDuring(v, snapshot.ErrUnknownContainer)
	if got := v.Take(v.API).Volumes; got == nil || got.Problem == "" {
		t.Errorf("its volumes: %+v", got)
	}
}

// TestAnEngineThatIsAwayForAMomentKeepsNoContainerFrozen nor costs the archive.
func TestAnEngineThatIsAwayForAMomentKeepsNoContainerFrozen(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.RunAPI()
	v.Faulty.Away.Store(3)
	if got := v.Take(v.API).Volumes; got == nil || got.Problem != "" || got.Consistency != snapshot.Frozen {
		t.Errorf("its volumes: %+v", got)
	}
	wantRunning(t, v)
}

// TestACommitThatLeavesItsContainerFrozenIsMended also where the engine says that all went well.
func TestACommitThatLeavesItsContainerFrozenIsMended(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.Run(v.API, v.AppImage)
	v.Put("/written", "by itself")
	v.Faulty.Stuck.Store(true)
	v.Faulty.Away.Store(2)
	if s := v.Take(v.API); !s.Committed {
		t.Error("it was not committed")
	}
	wantRunning(t, v)
}

// TestAContainerThatIsStoppedWhileItIsFrozenStaysSo: a deploy may have stopped it for another.
func TestAContainerThatIsStoppedWhileItIsFrozenStaysSo(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.RunAPI("--label", "snapback.pause=true")
	stop := func(context.Context) { v.Docker("stop", "--time", "0", v.API) }
	v.Faulty.During.Store(&stop)
	v.Take(v.API)
	if state := v.Container(v.API).State; state != "exited" {
		t.Errorf("it is %s", state)
	}
}

// TestWhatSomebodyPausedWhileACommitWaitedStaysSo as for another bot's archive.
func TestWhatSomebodyPausedWhileACommitWaitedStaysSo(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.Run(v.API, v.AppImage)
	v.Put("/written", "by itself")
	v.Taker.Room = func(context.Context, string) error { v.Docker("pause", v.API); return nil }
	if s := v.Take(v.API); !s.Committed {
		t.Error("it was not committed")
	}
	if state := v.Container(v.API).State; state != "paused" {
		t.Errorf("it is %s", state)
	}
}
