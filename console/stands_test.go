package console_test

import (
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// restored writes down a restore of the shop that went through the given states.
func (h *house) restored(to string, states ...restore.State) {
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
