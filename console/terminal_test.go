package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/console"
	"github.com/snapback/snapback/internal/testkit"
)

func (h *house) Seat(_ context.Context, g access.Grant, _ time.Time) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seats = append(h.seats, g)
	return "a-terminal", nil
}

func (h *house) Shelled(context.Context, string, string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shelled, nil
}

func (h *house) Unseat(_ context.Context, session string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unseated = append(h.unseated, session)
	return nil
}

// Logs follow restore.allow, a shell terminal.allow, as they are at the tap.
func TestATerminalOpensWhatTheLabelsAllowNow(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	nobody, bob := access.Allow{Rule: access.Nobody}, access.Allow{Rule: access.Listed, IDs: []string{"U0BOB"}}
	channel := access.Allow{Rule: access.Channel}
	for name, c := range map[string]struct {
		key             string
		restore, shells access.Allow
		want            access.Mode // "": refused
		code            string
	}{
		"both":                     {"e/shop", channel, channel, access.ModeShell, ""},
		"no shell for anybody":     {"e/shop", channel, nobody, access.ModeLogs, ""},
		"no shell for her":         {"e/shop", channel, bob, access.ModeLogs, ""},
		"a shell alone":            {"e/shop", bob, channel, access.ModeShell, ""},
		"nothing":                  {"e/shop", bob, nobody, "", "denied"},
		"of what she does not see": {"e/pay", channel, channel, "", "unseen"},
		"of what is not there":     {"e/none", channel, channel, "", "unseen"},
	} {
		h.later(time.Minute) // what was looked up is looked up anew
		h.do(func() {
			h.seats = nil
			h.containers[0].Settings.RestoreAllow, h.containers[0].Settings.TerminalAllow = c.restore, c.shells
		})
		status, code, said := v.ask("POST", "/console/terminal", envelope{"key": c.key})
		if c.want == "" {
			if code != c.code || len(h.seats) > 0 {
				t.Errorf("%s: %d %s", name, status, said)
			}
			continue
		}
		if status != http.StatusOK || len(h.seats) != 1 {
			t.Errorf("%s: %d %s", name, status, said)
			continue
		}
		if g := h.seats[0]; g.Mode != c.want || g.Person.SlackID != "U0ANN" || g.Person.Via.Console == "" || g.Container != c.key || g.IncidentID != 0 {
			t.Errorf("%s: %+v", name, g)
		}
	}
	if got := h.kinds(); got[len(got)-1] != "refused by Ann" {
		t.Errorf("the timeline has %q", got)
	}
}

// TestPagerDutysSilenceTakesNoShellAway: whoever has one goes on in it, and others get the logs. That somebody may not is another matter.
func TestPagerDutysSilenceTakesNoShellAway(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	h.incident("PSHOP")
	h.do(func() { h.containers[0].Settings.TerminalAllow = access.Allow{Rule: access.OnCall} })
	for name, c := range map[string]struct {
		silent  error
		shelled string
		want    string
	}{
		"silent, with a shell": {errors.New("pagerduty is away"), "with-a-shell", "with-a-shell"},
		"silent, without one":  {errors.New("pagerduty is away"), "", "a-terminal"},
		"refused, with one":    {nil, "with-a-shell", "a-terminal"},
	} {
		h.later(time.Hour) // what was looked up is looked up anew
		h.do(func() { h.seats, h.oncallErr, h.shelled = nil, c.silent, c.shelled })
		status, _, said := v.ask("POST", "/console/terminal", envelope{"key": "e/shop"})
		if status != http.StatusOK || !strings.Contains(fmt.Sprint(said), c.want) {
			t.Errorf("%s: %d %s", name, status, said)
		}
		if unsure := strings.Contains(said, `"unsure":true`); unsure != (name == "silent, without one") {
			t.Errorf("%s: the page hears %s", name, said)
		}
		if logs := len(h.seats) == 1 && h.seats[0].Mode == access.ModeLogs; logs != (c.want == "a-terminal") {
			t.Errorf("%s: opened were %+v", name, h.seats)
		}
	}
}

func TestTerminalsEndWithTheirSession(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	if status, _, said := v.ask("POST", "/console/terminal", envelope{"key": "e/shop"}); status != http.StatusOK {
		t.Fatal(said)
	}
	session := h.seats[0].Person.Via.Console
	req, err := http.NewRequestWithContext(t.Context(), "GET", h.url+"/t/session", nil)
	testkit.OK(t, err)
	if _, err := (console.Seats{Door: h.door}).Seated(req); err == nil {
		t.Error("a request without a cookie is somebody's")
	}
	for _, c := range v.client.Jar.Cookies(nil) {
		req.AddCookie(c)
	}
	if id, err := (console.Seats{Door: h.door}).Seated(req); err != nil || id != session {
		t.Errorf("the cookie is of %q, %v; want %q", id, err, session)
	}
	testkit.OK(t, h.door.StillIn(t.Context(), session))
	if err := h.door.StillIn(t.Context(), "none"); err == nil {
		t.Error("a session that is not there is open")
	}
	testkit.OK(t, h.door.ProvedLately(t.Context(), session))
	h.later(signin.FreshFor + time.Second)
	if err := h.door.ProvedLately(t.Context(), session); err == nil {
		t.Error("a passkey that was shown long ago was shown lately")
	}
	if status, _, said := v.ask("POST", "/console/signout", envelope{}); status != http.StatusNoContent {
		t.Fatal(said)
	}
	if len(h.unseated) != 1 || h.unseated[0] != session {
		t.Errorf("ended were those of %q", h.unseated)
	}
	if err := h.door.StillIn(t.Context(), session); err == nil {
		t.Error("a session that is over is open")
	}
}
