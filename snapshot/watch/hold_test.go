package watch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
)

// rolledBack is a container whose second deploy a restore has rolled back.
type rolledBack struct {
	*kit
	name, key string
	bad       []string // how the deploy on hold is run, less its image
	image     string   // and its image
	restore   restore.Restore
}

func (k *kit) version(n int) string {
	return k.Image(fmt.Sprintf("shop:1.4%d", n), fmt.Sprintf("ENV VERSION=%d\nCMD [\"/app\", \"serve\", \"-addr=\"]", n))
}

func rollBack(t *testing.T) *rolledBack {
	t.Helper()
	k := setup(t)
	h := &rolledBack{kit: k, name: k.Name("api"), bad: []string{"-e", "DB_POOL=2", "-e", "API_KEY=hunter2hunter2"}, image: k.version(2)}
	k.Watch()
	first := k.Run(h.name, "-e", "DB_POOL=20", "-e", "API_KEY=correcthorse", k.version(1))
	h.key = k.Key(h.name)
	k.AwaitBaseline(h.key, first)
	h.deploy(append(h.bad, h.image)...)
	d := k.AwaitDeploys(h.key, 1)[0]
	if h.restore = k.Restore(k.Container(h.name), d.Snapshot); h.restore.State != restore.Verified {
		t.Fatalf("%s: %s", h.restore.State, h.restore.Error)
	}
	return h
}

func (h *rolledBack) deploy(args ...string) {
	h.T.Helper()
	h.Docker("rm", "-f", h.name)
	h.Run(h.name, args...)
}

func (h *rolledBack) holds() []snapshot.Hold {
	return snapshottest.Must(h.DB.Holds(h.T.Context(), h.key))
}

// told are the summaries of the entries of a kind.
func (h *rolledBack) told(kind incidents.Kind) (out []string) {
	for _, e := range h.entries(0, kind) {
		out = append(out, e.Summary)
	}
	return out
}

func TestWhatWasRolledBackIsOnHoldAndItsSecretsAreNot(t *testing.T) {
	h := rollBack(t)
	held := h.holds()
	if len(held) != 1 {
		t.Fatalf("on hold: %+v", held)
	}
	one := held[0]
	if !strings.HasSuffix(one.What(), "api 1.42") || one.Restore != h.restore.ID || one.By.Name != "Maria" || one.Until.IsZero() || one.Snapshot != h.restore.Snapshot {
		t.Errorf("on hold: %s of %+v", one.What(), one)
	}
	if one.Image.ID != h.Docker("image", "inspect", "-f", "{{.Id}}", h.image) || one.Image.Content == "" {
		t.Errorf("its image: %+v", one.Image)
	}
	text := fmt.Sprint(lines(one.Changes), h.told(incidents.KindHoldOn))
	if !strings.Contains(text, "DB_POOL: 20 → 2") || strings.Contains(text, "hunter2") || !strings.Contains(text, "API_KEY: changed") {
		t.Errorf("it says %s", text)
	}
}

func TestDeployOnHoldThatComesBackIsToldOncePerReturn(t *testing.T) {
	h := rollBack(t)
	h.deploy(append(h.bad, h.image)...)
	h.AwaitDeploys(h.key, 2)
	h.deploy(append(h.bad, h.image)...) // again, while it is back already
	h.AwaitDeploys(h.key, 3)
	back := h.told(incidents.KindDeployBack)
	if len(back) != 1 || !strings.Contains(back[0], "api 1.42 is back: the deploy that was rolled back at ") {
		t.Fatalf("told %q", back)
	}
	if one := h.holds()[0]; one.BackID != h.Container(h.name).ID {
		t.Errorf("it is back as %q", one.BackID)
	}
	h.Restore(h.Container(h.name), h.restore.Snapshot)
	if held := h.holds(); len(held) != 1 || held[0].Restore == h.restore.ID {
		t.Errorf("after the second restore, on hold: %+v", held)
	}
	h.deploy(append(h.bad, h.image)...)
	h.AwaitDeploys(h.key, 4)
	if back := h.told(incidents.KindDeployBack); len(back) != 2 {
		t.Errorf("told %q", back)
	}
}

func TestSameBytesUnderAnotherTagOrBuiltAnewAreTheDeployOnHold(t *testing.T) {
	h := rollBack(t)
	retagged := h.Name("shop") + ":1.99"
	h.Docker("tag", h.image, retagged)
	h.deploy("-e", "DB_POOL=20", "-e", "API_KEY=correcthorse", retagged)
	h.AwaitDeploys(h.key, 2)
	back := h.told(incidents.KindDeployBack)
	if len(back) != 1 || !strings.Contains(back[0], "api 1.42 is back") || !strings.Contains(back[0], "DB_POOL: 2 → 20") || !strings.Contains(back[0], ":1.99") {
		t.Fatalf("told %q", back)
	}
	h.deploy("-e", "DB_POOL=20", "-e", "API_KEY=correcthorse", h.version(3)) // a fix
	h.AwaitDeploys(h.key, 3)
	h.deploy(append(h.bad, h.version(2))...) // another image, with the same in it
	h.AwaitDeploys(h.key, 4)
	if back := h.told(incidents.KindDeployBack); len(back) != 2 {
		t.Errorf("told %q, of deploys %+v", back, h.Deploys(h.key))
	}
}

func TestPartOfWhatIsOnHoldIsToldAsPart(t *testing.T) {
	h := rollBack(t)
	h.deploy("-e", "DB_POOL=2", "-e", "API_KEY=correcthorse", h.version(3))
	h.AwaitDeploys(h.key, 2)
	part := h.told(incidents.KindDeployReturned)
	if len(part) != 1 || !strings.Contains(part[0], "a part of what was rolled back at") || !strings.Contains(part[0], "DB_POOL: 20 → 2") || strings.Contains(part[0], "API_KEY") {
		t.Errorf("told %q", part)
	}
	if back := h.told(incidents.KindDeployBack); len(back) != 0 {
		t.Errorf("another image is told as the one on hold: %q", back)
	}
	h.deploy("-e", "DB_POOL=2", "-e", "API_KEY=hunter2hunter2", h.version(3)) // the secret is back as well
	h.AwaitDeploys(h.key, 3)
	if part := h.told(incidents.KindDeployReturned); len(part) != 2 || !strings.Contains(part[1], "API_KEY") || strings.Contains(part[1], "hunter2") {
		t.Errorf("told %q", part)
	}
}

// Compose makes the deploy that is back once more, as it was, under the next number. That is no deploy, and it is back still. The watch
// rests meanwhile: where it sees the two beside each other for long, they are two members of a service.
func TestHoldFollowsAContainerThatWasMadeAlike(t *testing.T) {
	k := setup(t)
	good, bad, key := k.version(1), k.version(2), k.numbered(1)
	stop := k.Watch()
	k.AwaitBaseline(key, k.scaled(1, 1, good))
	next := func(n int) (id string) {
		stop()
		id = k.scaled(n, 2, bad)
		k.Docker("rm", "-f", k.Name(fmt.Sprint("web-", n-1)))
		stop = k.Watch()
		return id
	}
	next(2)
	d := k.AwaitDeploys(key, 1)[0]
	if r := k.Restore(k.Container(k.Name("web-2")), d.Snapshot); r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	for n, what := range []string{"it is back", "it is back as one made alike"} {
		id := next(n + 3)
		k.Until(what, func() bool {
			held := snapshottest.Must(k.DB.Holds(t.Context(), key))
			return len(held) == 1 && held[0].BackID == id
		})
	}
	if list := k.Deploys(key); len(list) != 2 {
		t.Errorf("%d deploys are told", len(list))
	}
}

func TestUndoEndsTheHoldAndIsNotToldAsAReturn(t *testing.T) {
	h := rollBack(t)
	undo := h.Wait(snapshottest.Must(h.Restorer.Undo(t.Context(), h.restore.ID, h.By(), "")).ID)
	if undo.State != restore.Verified || len(h.holds()) != 0 {
		t.Fatalf("the undo is %s, on hold: %+v", undo.State, h.holds())
	}
	if ended := h.told(incidents.KindHoldReleased); len(ended) != 1 || !strings.Contains(ended[0], "brought back on purpose") {
		t.Errorf("told %q", ended)
	}
	again := h.Wait(snapshottest.Must(h.Restorer.Undo(t.Context(), undo.ID, h.By(), "")).ID)
	if held := h.holds(); again.State != restore.Verified || len(held) != 1 || held[0].Restore != h.restore.ID {
		t.Fatalf("the undo of the undo is %s, on hold: %+v", again.State, held)
	}
	if back := h.told(incidents.KindDeployBack); len(back) != 0 {
		t.Errorf("what the bot did itself is told as a deploy: %q", back)
	}
}

func TestReleasedDeployMayComeBack(t *testing.T) {
	h := rollBack(t)
	if _, err := h.DB.ReleaseHolds(t.Context(), h.key, h.By()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.DB.ReleaseHolds(t.Context(), h.key, h.By()); err == nil {
		t.Error("what is not held was released")
	}
	h.deploy(append(h.bad, h.image)...)
	h.AwaitDeploys(h.key, 2)
	if back := h.told(incidents.KindDeployBack); len(back) != 0 {
		t.Errorf("told %q", back)
	}
}

func TestTwoBotsTellOnceThatADeployIsBack(t *testing.T) {
	h := rollBack(t)
	h.Watch()
	h.deploy(append(h.bad, h.image)...)
	h.AwaitDeploys(h.key, 2)
	if back := h.told(incidents.KindDeployBack); len(back) != 1 {
		t.Errorf("told %q", back)
	}
}

// TestRestoreIsNotVerifiedWithoutItsHold has the database refuse the hold. Both are written, or neither.
func TestRestoreIsNotVerifiedWithoutItsHold(t *testing.T) {
	h := rollBack(t)
	h.deploy(append(h.bad, h.version(3))...)
	h.AwaitDeploys(h.key, 2)
	exec := func(sql string) { h.T.Helper(); snapshottest.Must(h.DB.Pool().Exec(t.Context(), sql)) }
	exec(`CREATE SEQUENCE tries`) // which a transaction that is rolled back does not set back
	exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('tries'); RAISE EXCEPTION 'no'; END $$`)
	exec(`CREATE TRIGGER refuse BEFORE INSERT ON holds FOR EACH ROW EXECUTE FUNCTION refuse()`)
	c := h.Container(h.name)
	r := snapshottest.Must(h.Restorer.Request(t.Context(), restore.Ask{Container: c, Snapshot: h.restore.Snapshot, By: h.By()}))
	h.Until("the hold is refused twice", func() (twice bool) {
		err := h.DB.Pool().QueryRow(t.Context(), `SELECT is_called AND last_value > 1 FROM tries`).Scan(&twice)
		return err == nil && twice
	})
	if now := snapshottest.Must(h.DB.Restore(t.Context(), r.ID)); now.State != restore.Started {
		t.Errorf("without its hold it is %s", now.State)
	}
	exec(`DROP TRIGGER refuse ON holds`)
	if now := h.Wait(r.ID); now.State != restore.Verified || len(h.holds()) != 2 {
		t.Errorf("it is %s, on hold: %+v", now.State, h.holds())
	}
}
