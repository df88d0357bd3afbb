package console_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
)

// replaced waits for a stream's end, and says whether another one has its place.
func replaced(next func() (name, data string, open bool)) bool {
	for {
		name, data, open := next()
		if !open || name == "ended" {
			return strings.Contains(data, "replaced")
		}
	}
}

// TestReconnectsEndNoOtherPagesStream has a phone in a tunnel come back again and again, as long as the bot has noticed nothing of the ends.
func TestReconnectsEndNoOtherPagesStream(t *testing.T) {
	h := newHouse(t)
	phone := h.visitor()
	d := phone.register(h.link("U0ANN"))
	laptop := h.visitor()
	if status, _, answer := laptop.signIn(d); status != 200 {
		t.Fatalf("signing in: %d %s", status, answer)
	}
	there, tab := laptop.stream(), phone.streamOf("another-tab")
	last := phone.streamOf("page")
	for i := range 9 {
		before := last
		last = phone.streamOf("page")
		if !replaced(before) {
			t.Fatalf("the page's stream %d goes on beside its next", i)
		}
	}
	for range 9 { // a page of a release before
		phone.stream()
	}
	last = laptop.streamOf("page") // a name is the session's own
	testkit.OK(t, h.door.RevokePerson(t.Context(), "U0ANN", incidents.Self()))
	for what, next := range map[string]func() (string, string, bool){"the laptop's": there, "its page": last} {
		if replaced(next) {
			t.Errorf("%s stream was ended by the phone", what)
		}
	}
	if !replaced(tab) {
		t.Error("the oldest of too many goes on")
	}
}

// TestOnlyTheOldestOfTooManyPagesEnds opens one page more than a browser may have.
func TestOnlyTheOldestOfTooManyPagesEnds(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	var all []func() (string, string, bool)
	for i := range 7 {
		all = append(all, v.streamOf(fmt.Sprint("page-", i)))
	}
	testkit.OK(t, h.door.RevokePerson(t.Context(), "U0ANN", incidents.Self()))
	for i, next := range all {
		if got := replaced(next); got != (i == 0) {
			t.Errorf("stream %d was replaced: %v", i, got)
		}
	}
}
