package snapshot_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
)

func TestRestorePutsTheContainerBack(t *testing.T) {
	k := setup(t)
	good, bad := k.Image("good", `CMD ["/app"]`), k.Image("bad", `CMD ["/app"]`)
	api := k.Name("api")
	k.Run(api, "--env", "DB_POOL=20", good)
	snap := k.take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, "--env", "DB_POOL=2", bad)

	r := k.restore(k.container(api), snap.Name)
	if r.State != snapshot.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if len(r.Unexpected()) > 0 {
		t.Errorf("differences: %+v", r.Unexpected())
	}
	if !slices.Contains(k.env(api), "DB_POOL=20") {
		t.Errorf("env is %v", k.env(api))
	}
	want := map[string]string{api: "running", r.Plan.KeptName: "exited"}
	if diff := cmp.Diff(want, k.names(api)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	states := []string{}
	for _, p := range r.Phases {
		states = append(states, p.State.String())
	}
	if diff := cmp.Diff([]string{"requested", "preflight", "prepared", "swapping", "started"}, states); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	t.Logf("verified %s after the request, down for %s: %s", r.VerifiedAt.Sub(r.RequestedAt), r.Downtime, r.Progress())
}

func TestUndoPutsTheOldContainerBack(t *testing.T) {
	k := setup(t)
	image := k.Image("good", `CMD ["/app"]`)
	api := k.Name("api")
	k.Run(api, "--env", "V=1", image)
	snap := k.take(api)
	k.Docker("rm", "-f", api)
	broken := k.Run(api, "--env", "V=2", "--restart", "always", image)
	first := k.restore(k.container(api), snap.Name)

	undo, err := k.restorer.Undo(t.Context(), first.ID, k.by(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = k.wait(undo.ID); undo.State != snapshot.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	now := k.container(api)
	if now.ID != broken {
		t.Errorf("%s runs, not the old one %s", now.ID, broken)
	}
	in, err := k.Engine().Inspect(t.Context(), now.ID)
	if err != nil || in.RestartPolicy.Name != "always" {
		t.Errorf("restart policy %+v, %v", in.RestartPolicy, err)
	}
	if diff := cmp.Diff(map[string]string{api: "running", undo.Plan.KeptName: "exited"}, k.names(api)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	if _, err := k.restorer.Undo(t.Context(), first.ID, k.by(), ""); !errors.Is(err, snapshot.ErrNothingToUndo) {
		t.Errorf("undone twice: %v", err)
	}
}

func TestReplacementThatEndsIsReverted(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("dies", `CMD ["/app", "no-such-command"]`))
	snap := k.take(api)
	k.Docker("rm", "-f", api)
	old := k.Run(api, "--restart", "always", k.Image("runs", `CMD ["/app"]`))

	r := k.restore(k.container(api), snap.Name)
	if r.State != snapshot.Reverted {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if !strings.Contains(r.Error, "unknown command") {
		t.Errorf("its last lines are not in %q", r.Error)
	}
	now, err := k.Engine().Inspect(t.Context(), api)
	if err != nil || now.ID != old || now.State != "running" || now.RestartPolicy.Name != "always" {
		t.Errorf("the old one is %+v, %v", now.Container, err)
	}
	if diff := cmp.Diff(map[string]string{api: "running"}, k.names(api)); diff != "" {
		t.Errorf("leftovers (-want +got):\n%s", diff)
	}
}

func TestUnhealthyReplacementIsReverted(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("sick", `CMD ["/app"]`, `HEALTHCHECK --interval=200ms --retries=2 CMD ["/app", "no-such-check"]`))
	snap := k.take(api)
	r := k.restore(k.container(api), snap.Name)
	if r.State != snapshot.Reverted || !strings.Contains(r.Error, "unhealthy") {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
}

func TestReplacedContainerRefusesTheTap(t *testing.T) {
	k := setup(t)
	image := k.Image("good", `CMD ["/app"]`)
	api := k.Name("api")
	k.Run(api, image)
	snap := k.take(api)
	seen := k.container(api)
	k.Docker("rm", "-f", api)
	k.Run(api, image)
	_, err := k.restorer.Request(t.Context(), snapshot.Ask{Container: k.container(api), Snapshot: snap.Name, Seen: seen.ID, By: k.by()})
	if !errors.Is(err, snapshot.ErrReplaced) {
		t.Errorf("got %v", err)
	}
	// Replaced between the look and the tap's work: preflight sees it.
	r := k.restore(seen, snap.Name)
	if r.State != snapshot.Refused || !strings.Contains(r.Error, "replaced") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

func TestTwoTapsAtOnceAreOneRestore(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	snap := k.take(api)
	c := k.container(api)
	const taps = 8
	results := make([]error, taps)
	ids := make([]int64, taps)
	var wg sync.WaitGroup
	for i := range taps {
		wg.Go(func() {
			r, err := k.restorer.Request(t.Context(), snapshot.Ask{Container: c, Snapshot: snap.Name, By: k.by()})
			results[i], ids[i] = err, r.ID
		})
	}
	wg.Wait()
	won := 0
	for i, err := range results {
		var running *snapshot.InProgressError
		switch {
		case err == nil:
			won++
			k.wait(ids[i])
		case !errors.As(err, &running) || running.Running.By.Actor.Name != "Maria":
			t.Errorf("a loser was not told whose restore runs: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d restores", won)
	}
}

func TestSameWishTwiceIsOneRestore(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	snap := k.take(api)
	ask := snapshot.Ask{Container: k.container(api), Snapshot: snap.Name, By: k.by(), Idempotency: "tap-1"}
	first, err := k.restorer.Request(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // while it runs, and after
		again, err := k.restorer.Request(t.Context(), ask)
		if err != nil || again.ID != first.ID {
			t.Errorf("restore %d, %v; the first was %d", again.ID, err, first.ID)
		}
		k.wait(first.ID)
	}
}

func TestWrittenFilesComeBack(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	k.Docker("exec", api, "/app", "touch", "/tmp/cache")
	snap := k.take(api)
	if !snap.Committed {
		t.Error("a written layer was not committed")
	}
	k.Docker("rm", "-f", api)
	k.Run(api, k.Image("bad", `CMD ["/app"]`))
	if r := k.restore(k.container(api), snap.Name); r.State != snapshot.Verified || len(r.Unexpected()) > 0 {
		t.Fatalf("%s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	if got := k.Docker("cp", api+":/tmp/cache", "-"); !strings.Contains(got, "written") {
		t.Errorf("the file did not come back: %q", got)
	}
}

func TestAutoRemoveContainerIsRestoredAndUndone(t *testing.T) {
	k := setup(t)
	image := k.Image("good", `CMD ["/app"]`)
	api := k.Name("api")
	k.Run(api, "--rm", "--env", "V=1", image)
	snap := k.take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, "--rm", "--env", "V=2", image)
	r := k.restore(k.container(api), snap.Name)
	if r.State != snapshot.Verified || len(r.Unexpected()) > 0 {
		t.Fatalf("%s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	if !slices.Contains(k.env(api), "V=1") {
		t.Errorf("env is %v", k.env(api))
	}
	undo, err := k.restorer.Undo(t.Context(), r.ID, k.by(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = k.wait(undo.ID); undo.State != snapshot.Verified || !slices.Contains(k.env(api), "V=2") {
		t.Errorf("%s: %s; env %v", undo.State, undo.Error, k.env(api))
	}
}

func TestContainerThatIsGoneIsRestored(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	snap := k.take(api)
	gone := k.container(api)
	k.Docker("rm", "-f", api)
	r, err := k.restorer.Request(t.Context(), snapshot.Ask{Container: gone, Snapshot: snap.Name, By: k.by()})
	if err != nil {
		t.Fatal(err)
	}
	if r = k.wait(r.ID); r.State != snapshot.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if diff := cmp.Diff(map[string]string{api: "running"}, k.names(api)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	if _, err := k.restorer.Undo(t.Context(), r.ID, k.by(), ""); !errors.Is(err, snapshot.ErrNothingToUndo) {
		t.Errorf("undo of a restore that replaced nothing: %v", err)
	}
}

func TestPrunedImageIsRefusedInWords(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	good := k.Image("good", `CMD ["/app"]`)
	k.Run(api, good)
	snap := k.take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, k.Image("bad", `CMD ["/app"]`))
	k.Docker("rmi", snap.ImageRef, good)
	before := k.names(api)
	r := k.restore(k.container(api), snap.Name)
	if r.State != snapshot.Refused || !strings.Contains(r.Error, "image") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	if diff := cmp.Diff(before, k.names(api)); diff != "" {
		t.Errorf("a refused restore changed something:\n%s", diff)
	}
}

func TestOfferSaysWhatWouldChangeWhateverWasDeployedInBetween(t *testing.T) {
	k := setup(t)
	api, image := k.Name("api"), k.Image("good", `CMD ["/app"]`)
	k.Run(api, "--env", "V=1", image)
	snap := k.take(api)
	for _, v := range []string{"V=2", "V=3"} {
		k.Docker("rm", "-f", api)
		k.Run(api, "--env", v, image)
	}
	offer, err := k.restorer.Offer(t.Context(), k.container(api), snap)
	want := []snapshot.Change{{Attribute: "env V", Before: "3", After: "1"}}
	if diff := cmp.Diff(want, offer.Changes); err != nil || diff != "" {
		t.Errorf("changes (-want +got), %v:\n%s", err, diff)
	}
}
