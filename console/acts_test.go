package console_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// What a page sends is a wish: who may is asked anew, and a refusal is written down.
func TestActsAreAskedAnewEachTime(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	act := func(path string, body envelope) (int, string) {
		status, code, _ := v.ask("POST", path, body)
		return status, code
	}
	tap := "0123456789abcdef"
	restore := func(key string) envelope {
		return envelope{"key": key, "snapshot": "pre-deploy-2255", "seen": "aaaaaaaaaaaa", "tap": tap}
	}
	for key, want := range map[string]string{"e/pay": "unseen", "e/none": "unseen"} {
		if _, code := act("/console/restore", restore(key)); code != want {
			t.Errorf("restoring %s: %s", key, code)
		}
	}
	if _, code := act("/console/restore", envelope{"key": "e/shop", "snapshot": "../x", "seen": "a", "tap": tap}); code != "malformed" {
		t.Errorf("a name that is none: %s", code)
	}
	h.do(func() {
		h.containers[0].Settings.RestoreAllow = access.Allow{Rule: access.Listed, IDs: []string{"U0BOB"}}
		h.containers[0].Settings.TerminalAllow = h.containers[0].Settings.RestoreAllow
	})
	if status, code := act("/console/restore", restore("e/shop")); status != http.StatusForbidden || code != "denied" {
		t.Errorf("restoring what the labels give to Bob: %d %s", status, code)
	}
	got := h.kinds()
	if got[len(got)-1] != "refused by Ann" {
		t.Errorf("the timeline has %q", got)
	}
	for i := range 5 {
		again := restore("e/shop")
		again["tap"] = tap + strconv.Itoa(i)
		if _, code := act("/console/restore", again); code != "denied" {
			t.Errorf("again: %s", code)
		}
		if _, code := act("/console/terminal", envelope{"key": "e/shop"}); code != "denied" {
			t.Errorf("its logs: %s", code)
		}
	}
	if now := h.kinds(); len(now) != len(got)+1 {
		t.Errorf("taps that are refused fill the timeline: %q", now)
	}
	h.later(time.Hour)
	if act("/console/restore", restore("e/shop")); len(h.kinds()) != len(got)+2 {
		t.Errorf("an hour later, the timeline has %q", h.kinds())
	}
	for _, path := range []string{"/console/acknowledge", "/console/resolve", "/console/note"} {
		if _, code := act(path, envelope{"incident": 7, "text": "x", "tap": tap}); code != "unseen" {
			t.Errorf("%s of an incident that is not there: %s", path, code)
		}
	}
}

// What another bot looks after is asked for as what is this one's: by the same rules, of the same machine.
func TestWhatAnotherBotLooksAfterIsRestoredFromTheConsole(t *testing.T) {
	h := newHouse(t)
	h.do(func() {
		for i := range h.containers {
			h.containers[i].Elsewhere = true
		}
		h.offers = func(context.Context) ([]restore.Offer, error) {
			return []restore.Offer{{Snapshot: snapshot.Snapshot{Name: "pre-deploy-2255"}}}, nil
		}
	})
	v := h.visitor()
	v.register(h.link("U0ANN"))
	_, _, page := v.ask("GET", "/console/container?key=e/shop", nil)
	if !strings.Contains(page, `"pre-deploy-2255"`) || strings.Contains(page, `"refused"`) {
		t.Errorf("its page: %s", page)
	}
	wish := envelope{"key": "e/shop", "snapshot": "pre-deploy-2255", "seen": "aaaaaaaaaaaa", "tap": "0123456789abcdef"}
	if status, code, answer := v.ask("POST", "/console/restore", wish); status != http.StatusOK {
		t.Errorf("restoring it: %d %s %s", status, code, answer)
	}
	if len(h.asked) != 1 || !h.asked[0].Container.Elsewhere || h.asked[0].Snapshot != "pre-deploy-2255" {
		t.Errorf("asked for was %+v", h.asked)
	}
	wish["key"] = "e/pay"
	if _, code, _ := v.ask("POST", "/console/restore", wish); code != "unseen" || len(h.asked) != 1 {
		t.Errorf("somebody else's: %s", code)
	}
}

// TestANoteTakesWhatItsFieldTakes counts as the field does: characters.
func TestANoteTakesWhatItsFieldTakes(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	id := h.incident("PSHOP")
	for i, c := range []struct {
		text string
		want int
	}{
		{strings.Repeat("災", 1000), http.StatusNoContent}, {strings.Repeat("🔥", 500), http.StatusNoContent}, {strings.Repeat("x", 1000), http.StatusNoContent},
		{strings.Repeat("災", 1001), http.StatusBadRequest}, {strings.Repeat("x", 1001), http.StatusBadRequest},
	} {
		if status, code, _ := v.ask("POST", "/console/note", envelope{"incident": id, "text": c.text, "tap": fmt.Sprint("0123456789abcde", i)}); status != c.want {
			t.Errorf("%d bytes: %d %s", len(c.text), status, code)
		}
	}
}
