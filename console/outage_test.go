package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// hangs answers nothing for as long as it is waited for, and notes for how long that would have been.
func hangs(longest *atomic.Int64) func(context.Context) error {
	return func(ctx context.Context) error {
		if until, limited := ctx.Deadline(); limited {
			longest.Store(int64(time.Until(until)))
		} else {
			longest.Store(int64(time.Hour))
		}
		<-ctx.Done()
		return ctx.Err()
	}
}

func TestAnEngineThatHangsIsWaitedForShortly(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	var longest atomic.Int64
	h.do(func() { h.engine = hangs(&longest) })
	_, _, home := v.ask("GET", "/console/home", nil)
	if waited := time.Duration(longest.Load()); waited == 0 || waited > 1500*time.Millisecond {
		t.Errorf("Home waits %v for it", waited)
	}
	if !strings.Contains(home, "The container engine doesn't answer") || !strings.Contains(home, `"shop"`) {
		t.Errorf("Home shows %s", home)
	}
	h.do(func() {
		h.engine = nil
		h.offers = func(ctx context.Context) ([]restore.Offer, error) { return nil, hangs(&longest)(ctx) }
	})
	h.later(time.Minute)
	_, _, page := v.ask("GET", "/console/container?key=e%2Fshop", nil)
	if waited := time.Duration(longest.Load()); waited > 5*time.Second {
		t.Errorf("the container's page waits %v for it", waited)
	}
	if !strings.Contains(page, `"snapshots":null`) || !strings.Contains(page, "not known what can be restored") {
		t.Errorf("the container's page shows %s", page)
	}
}

func TestWhoLeavesWaitsNoLonger(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	held, looks := make(chan struct{}), make(chan struct{}, 10)
	h.do(func() {
		h.list = func(context.Context) error { looks <- struct{}{}; <-held; return nil }
	})
	t.Cleanup(func() { close(held) })
	ask := func(ctx context.Context) chan struct{} {
		r := httptest.NewRequestWithContext(ctx, "GET", "/console/home", nil)
		for _, c := range v.client.Jar.Cookies(nil) {
			r.AddCookie(c)
		}
		done := make(chan struct{})
		go func() { defer close(done); h.console.Handler().ServeHTTP(httptest.NewRecorder(), r) }() // it is waited for below
		return done
	}
	first, leaveFirst := context.WithCancel(t.Context())
	second, leaveSecond := context.WithCancel(t.Context())
	a, b := ask(first), ask(second)
	<-looks
	leaveFirst()
	leaveSecond()
	for _, done := range []chan struct{}{a, b} {
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatal("somebody who has left is still waiting for the look")
		}
	}
	if len(looks) > 0 {
		t.Error("each has looked by themselves")
	}
}

func TestWhatCouldNotBeLookedUpIsNotTriedByEverybodyInTurn(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	var looks atomic.Int64
	h.do(func() {
		h.list = func(context.Context) error { looks.Add(1); return fmt.Errorf("listing: %w", snapshot.ErrJournalAway) }
	})
	for range 3 {
		if status, code, _ := v.ask("GET", "/console/home", nil); status != http.StatusServiceUnavailable || code != "database_away" {
			t.Errorf("%d %s", status, code)
		}
	}
	if n := looks.Load(); n != 1 {
		t.Errorf("within a moment it was looked up %d times", n)
	}
	h.later(time.Second)
	if v.ask("GET", "/console/home", nil); looks.Load() != 2 {
		t.Error("it is not tried again")
	}
}

// Whoever can't be asked has not said no.
func TestSlacksSilenceIsNoRefusal(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	id := h.incident("PELSE")
	h.do(func() { h.slackErr = errors.New("slack is away") })
	h.later(2 * time.Minute)
	for path, body := range map[string]envelope{
		"/console/acknowledge": {"incident": id}, "/console/resolve": {"incident": id}, "/console/note": {"incident": id, "text": "x"},
		"/console/restore": {"key": "e/shop", "snapshot": "pre-deploy-2255", "seen": "a"},
	} {
		body["tap"] = "0123456789abcdef"
		if status, code, answer := v.ask("POST", path, body); status != http.StatusServiceUnavailable || code != "unsure" {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	entries, err := h.db.Entries(t.Context(), id, 0)
	testkit.OK(t, err)
	for _, e := range entries {
		if e.Kind == incidents.KindRefused {
			t.Errorf("the timeline says %q", e.Summary)
		}
	}
	if _, _, home := v.ask("GET", "/console/home", nil); !strings.Contains(home, "Slack or PagerDuty doesn't say what you may see") {
		t.Errorf("Home shows %s", home)
	}
}

// Until the alert is posted, those may act who are where it will be.
func TestBeforeItsAlertIsPostedAnIncidentIsOfItsContainersChannel(t *testing.T) {
	h := newHouse(t)
	h.do(func() { h.accounts["U0OPS"] = access.Account{Name: "Olga"}; h.channels["C0OPS"] = []string{"U0OPS"} })
	ann, olga := h.visitor(), h.visitor()
	ann.register(h.link("U0ANN"))
	olga.register(h.link("U0OPS"))
	act := func(v *visitor, id int64) int {
		status, _, _ := v.ask("POST", "/console/acknowledge", envelope{"incident": id, "tap": "0123456789abcdef"})
		return status
	}
	shops, nobodys := h.incident("PSHOP"), h.incident("PELSE")
	if got := act(ann, shops); got != http.StatusNoContent {
		t.Errorf("Ann, who is in the container's channel: %d", got)
	}
	if got := act(olga, shops); got != http.StatusNotFound {
		t.Errorf("Olga, who is in the default channel alone: %d", got)
	}
	if got := act(olga, nobodys); got != http.StatusNoContent {
		t.Errorf("Olga, of an incident of no container: %d", got)
	}
}

func TestWhoIsOnCallForAnyOpenIncidentOfAContainerMayRestoreIt(t *testing.T) {
	h := newHouse(t)
	h.do(func() {
		h.accounts["U0ANN"] = access.Account{Name: "Ann", Email: "ann@example.com", Confirmed: true}
		h.oncall = map[string][]access.Person{"PSHOP": {{Name: "Ann", Email: "ann@example.com"}}}
		h.containers[0].Settings.PagerDutyServices = []string{"PSHOP", "PCARD"}
		h.containers[0].Settings.RestoreAllow = access.Allow{Rule: access.OnCall}
	})
	v := h.visitor()
	v.register(h.link("U0ANN"))
	hers := h.incident("PSHOP")
	h.later(time.Minute)
	h.incident("PCARD") // newer, and somebody else's
	status, _, answer := v.ask("POST", "/console/restore", envelope{"key": "e/shop", "snapshot": "pre-deploy-2255", "seen": "a", "tap": "0123456789abcdef"})
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	if len(h.asked) != 1 || h.asked[0].By.Incident != hers {
		t.Errorf("it was asked for as %+v, and her incident is %d", h.asked, hers)
	}
	if _, _, page := v.ask("GET", "/console/container?key=e%2Fshop", nil); strings.Contains(page, `"refused"`) {
		t.Errorf("her page says %s", page)
	}
}

// Whatever snapshot is tapped is looked at before the question, and the question says what Slack's says.
func TestTheQuestionIsAboutTheSnapshotThatWasTapped(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	for _, name := range []string{"first", "second", "third"} {
		_, err := h.db.AddSnapshot(t.Context(), snapshot.Snapshot{Key: "e/shop", Container: "shop", Name: name, Reason: snapshot.Manual, CreatedAt: h.clock()}, snapshot.By{Actor: incidents.Self()})
		testkit.OK(t, err)
	}
	h.do(func() {
		h.offers = func(context.Context) ([]restore.Offer, error) {
			return []restore.Offer{
				{Snapshot: snapshot.Snapshot{Name: "second"}, Joined: []string{"sidecar"}, Beside: []string{"shop-2"}, Losses: []string{"the folder /data"},
					Changes: []snapshot.Change{{Attribute: "env DB_POOL", Before: "2", After: "20"}}},
				{Snapshot: snapshot.Snapshot{Name: "third"}, WhyNot: []string{"its image is gone"}},
			}, nil
		}
	})
	ask := func(name string) string {
		_, _, answer := v.ask("GET", "/console/offer?key=e%2Fshop&snapshot="+name, nil)
		return answer
	}
	second := ask("second")
	for _, want := range []string{"DB_POOL: 2 → 20", "Recreated with it: sidecar.", "Runs beside it and stays: shop-2.", "Does not come back: the folder /data.", "Volumes and databases stay as they are.", "kept for Undo"} {
		if !strings.Contains(second, want) {
			t.Errorf("the question lacks %q: %s", want, second)
		}
	}
	if third := ask("third"); !strings.Contains(third, `"why_not":"Can't be restored: its image is gone"`) {
		t.Errorf("of what can't be restored it says %s", third)
	}
	if none := ask("fourth"); !strings.Contains(none, "unknown_snapshot") {
		t.Errorf("of none it says %s", none)
	}
	if status, _, _ := v.ask("GET", "/console/offer?key=e%2Fpay&snapshot=second", nil); status != http.StatusNotFound {
		t.Errorf("of a container that is not hers: %d", status)
	}
}

func TestADomainsRefusalIsToldInWords(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	status, code, answer := v.ask("GET", "/console/offer?key=e%2Fshop&snapshot=none", nil)
	if status != http.StatusNotFound || code != "unknown_snapshot" || strings.Contains(answer, "log") {
		t.Errorf("%d %s", status, answer)
	}
}

// A page that stands open asks again and again; that is not its person.
func TestAnOpenPageKeepsNoSessionFromGoingIdle(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	next := v.stream()
	next()
	h.later(signin.DefaultIdle / 2)
	h.do(func() { h.containers[0].State = "exited" })
	for { // the stream has asked for the session since
		name, data, open := next()
		if !open {
			t.Fatal("the stream has ended")
		}
		if name == "home" && strings.Contains(data, "exited") {
			break
		}
	}
	if status, _, _ := v.ask("GET", "/console/session", nil); status != http.StatusOK {
		t.Fatalf("at half time: %d", status)
	}
	h.later(signin.DefaultIdle/2 + time.Minute)
	for {
		name, data, open := next()
		if !open {
			t.Fatal("the stream ended without a word")
		}
		if name == "ended" {
			if !strings.Contains(data, "session_over") {
				t.Errorf("it ended with %s", data)
			}
			return
		}
	}
}
