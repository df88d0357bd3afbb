package snapshot_test

import (
	"testing"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// A busy engine's list still calls a container running whose stop it has answered.
func TestRestoreWithVolumesGoesByNoListThatLagsBehind(t *testing.T) {
	v := setupVolumes(t)
	snap := v.goodAndBad()
	v.behind(enginefault.Start(t, "", v.Only()))
	r := v.restoreWith(snap.Name)
	if r.State != snapshot.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.expect(goodFiles)
	undo, err := v.restorer.Undo(t.Context(), r.ID, v.by(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = v.wait(undo.ID); undo.State != snapshot.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	v.expect(badFiles)
}

// behind has the bot see the engine through a proxy whose list lags behind.
func (v *volumeKit) behind(p *enginefault.Proxy) {
	v.t.Helper()
	p.Lag()
	engine, err := docker.New(v.t.Context(), docker.Config{Host: p.Host(), HelperProgram: v.Program(), HelperImage: v.Name("helper"), Only: v.Only()})
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = engine.Close() })
	v.stop(v.restorer)
	v.engine = &faulty{Engine: engine}
	v.wire()
}
