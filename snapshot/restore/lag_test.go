package restore_test

import (
	"testing"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
)

// A busy engine's list still calls a container running whose stop it has answered.
func TestRestoreWithVolumesGoesByNoListThatLagsBehind(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	snap := v.GoodAndBad()
	v.Behind(enginefault.Start(t, "", v.Only()))
	r := v.RestoreWith(snap.Name)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.Expect(goodFiles)
	undo, err := v.Restorer.Undo(t.Context(), r.ID, v.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = v.Wait(undo.ID); undo.State != restore.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	v.Expect(badFiles)
}
