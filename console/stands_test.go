package console_test

import (
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// restored writes down a restore of the shop that went through the given states.
func (h *house) restored(to string, states ...restore.State) restore.Restore {
	h.t.Helper()
	by := snapshot.By{Actor: incidents.Self()}
	s, err := h.db.AddSnapshot(h.t.Context(), snapshot.Snapshot{Key: "e/shop", Container: "shop", Name: to, Reason: snapshot.Manual, CreatedAt: h.clock(), Document: []byte("{}")}, by)
	testkit.OK(h.t, err)
	r, _, err := h.db.Open(h.t.Context(), restore.Restore{
		Kind: restore.Restoring, Key: s.Key, Container: s.Container, SnapshotID: s.ID, Snapshot: s.Name, State: restore.Requested, RequestedAt: h.clock(), By: by,
	}, "")
	testkit.OK(h.t, err)
	r, err = h.db.Claim(h.t.Context(), r.ID, "bot", time.Minute)
	testkit.OK(h.t, err)
	for _, state := range states {
		r.VerifiedAt, r.KeptUntil = h.clock(), h.clock().Add(time.Hour)
		r, err = h.db.Advance(h.t.Context(), r, state, incidents.Entry{Kind: incidents.KindRestoreState, Actor: incidents.Self()})
		testkit.OK(h.t, err)
	}
	return r
}

// TestARestoreThatStandsKeepsItsUndo: whatever is refused after it.
func TestARestoreThatStandsKeepsItsUndo(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor()
	ann.register(h.link("U0ANN"))
	h.restored("good", restore.Preflight, restore.Prepared, restore.Swapping, restore.Started, restore.Verified)
	h.restored("older", restore.Preflight, restore.Refused)
	_, _, page := ann.ask("GET", "/console/container?key=e%2Fshop", nil)
	last, stands, _ := strings.Cut(page, `"stands":`)
	if !strings.Contains(last, `"state":"refused"`) || !strings.Contains(stands, "shop is back on good") || !strings.Contains(stands, `"undoable":true`) {
		t.Errorf("Ann sees %s", page)
	}
	h.deployed("shop", h.clock().Add(time.Minute))
	_, _, page = ann.ask("GET", "/console/container?key=e%2Fshop", nil)
	if !strings.Contains(page, "shop was put back on good") || strings.Contains(page, "is back on") || strings.Contains(page, `"undoable":true`) {
		t.Errorf("after a deploy, Ann sees %s", page)
	}
}

// TestLogsSinceARestoreAreATapAway: of the last that has done anything, from the moment that the bot knows.
func TestLogsSinceARestoreAreATapAway(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor()
	ann.register(h.link("U0ANN"))
	r := h.restored("good", restore.Preflight, restore.Prepared, restore.Swapping, restore.Started, restore.Verified)
	h.later(time.Minute)
	h.restored("older", restore.Preflight, restore.Refused)
	b := ann.browser()
	b.container("e/shop")
	b.sees("shop is back on good", "Undo")
	b.lookedAt("container-restored")
	b.tap("Logs since the restore")
	b.until("they are opened", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.seats) == 1 })
	if g := h.seats[0]; g.Container != "e/shop" || !g.LogsSince.Equal(r.RequestedAt.Truncate(time.Second)) {
		t.Errorf("what was opened is %+v", g)
	}
	if _, code, said := ann.ask("POST", "/console/terminal", envelope{"key": "e/shop", "restore": r.ID + 1000}); code != "unknown_restore" {
		t.Errorf("one that is not there: %s", said)
	}
	h.do(func() { h.channels["C0PAY"] = append(h.channels["C0PAY"], "U0ANN") })
	h.later(2 * time.Minute)
	if _, code, said := ann.ask("POST", "/console/terminal", envelope{"key": "e/pay", "restore": r.ID}); code != "unknown_restore" {
		t.Errorf("another container's: %s", said)
	}
}

// TestWhoMayNotRestoreIsOfferedNoLogs, without a word about it.
func TestWhoMayNotRestoreIsOfferedNoLogs(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor()
	ann.register(h.link("U0ANN"))
	h.restored("good", restore.Preflight, restore.Prepared, restore.Swapping, restore.Started, restore.Verified)
	h.do(func() { h.containers[0].Settings.RestoreAllow = access.Allow{Rule: access.OnCall} })
	b := ann.browser()
	b.container("e/shop")
	b.sees("shop is back on good", "Only who is on call may restore it")
	if strings.Contains(b.text(), "Logs since") {
		t.Errorf("Ann sees %s", b.text())
	}
}

func TestARestoreThatRunsSaysHowFarItIsWithVolumes(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor()
	ann.register(h.link("U0ANN"))
	h.mu.Lock()
	h.moves = &snapshot.Progress{Doing: snapshot.FillingVolume, Volume: 2, Of: 3, Path: "/data", Bytes: 412e6, Total: 12e8}
	h.mu.Unlock()
	h.restored("good", restore.Preflight, restore.Prepared, restore.Swapping)
	const says = "stopping the running shop · filling volume 2 of 3, /data: 412.0 MB of 1.2 GB"
	if _, _, page := ann.ask("GET", "/console/container?key=e%2Fshop", nil); !strings.Contains(page, says) {
		t.Errorf("Ann sees %s", page)
	}
}
