package access_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// consoles knows one session, s1.
type consoles struct{ stale bool }

func (consoles) StillIn(_ context.Context, session string) error {
	if session != "s1" {
		return access.ErrSignedOut
	}
	return nil
}

func (c consoles) ProvedLately(context.Context, string) error {
	if c.stale {
		return access.ErrProve
	}
	return nil
}

func TestATerminalOfTheConsoleGoesOnForAsLongAsItsPersonMay(t *testing.T) {
	t.Parallel()
	channel, bob := access.Allow{Rule: access.Channel}, access.Allow{Rule: access.Listed, IDs: []string{"U0BOB"}}
	for name, c := range map[string]struct {
		change func(*world, *access.Grant)
		shell  error // when one is to be started
		want   error
	}{
		"nothing has changed":        {func(*world, *access.Grant) {}, nil, nil},
		"without an incident":        {func(_ *world, g *access.Grant) { g.IncidentID = 0 }, nil, nil},
		"the incident is resolved":   {func(w *world, _ *access.Grant) { w.incident.Status = incidents.Resolved }, nil, nil},
		"the session is over":        {func(_ *world, g *access.Grant) { g.Person.Via.Console = "s2" }, access.ErrSignedOut, access.ErrSignedOut},
		"they have left the channel": {func(w *world, _ *access.Grant) { w.present = nil }, access.ErrDenied, access.ErrDenied},
		"the labels name others":     {func(w *world, _ *access.Grant) { w.labels.RestoreAllow = bob }, access.ErrDenied, access.ErrDenied},
		"a shell is others'":         {func(w *world, g *access.Grant) { g.Mode, w.labels.TerminalAllow = access.ModeShell, bob }, access.ErrDenied, access.ErrDenied},
		"no shell for anybody": {func(w *world, g *access.Grant) { g.Mode, w.labels.TerminalAllow.Rule = access.ModeShell, access.Nobody },
			access.ErrDenied, access.ErrDenied},
		"not enabled any more": {func(w *world, _ *access.Grant) { w.labelled, w.labelsErr = false, access.ErrNotEnabled }, access.ErrNotEnabled, access.ErrNotEnabled},
		"the account is over":  {func(w *world, _ *access.Grant) { w.account.Standing = access.Deactivated }, access.ErrDenied, access.ErrDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, guard := setup(false)
			w.present = map[string][]string{"C0SHOP": {"U0ANN"}}
			w.labels = access.Labels{SlackChannel: "C0SHOP", RestoreAllow: channel, TerminalAllow: channel}
			grant := access.Grant{
				Person:     access.Holder{Person: access.Person{SlackID: "U0ANN", Name: "Ann"}, Via: access.Via{Console: "s1"}},
				IncidentID: 7, Container: "k/api", Name: "api", Mode: access.ModeLogs,
			}
			c.change(w, &grant)
			gate := access.Gate{Guard: guard, Incidents: w, Containers: w, Consoles: consoles{}}
			if err := gate.Check(t.Context(), grant); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err := gate.CheckShell(t.Context(), grant); !errors.Is(err, c.shell) || c.shell == nil && err != nil {
				t.Errorf("a shell: got %v, want %v", err, c.shell)
			}
			gate.Consoles = consoles{stale: true}
			if err := gate.CheckShell(t.Context(), grant); err == nil || c.shell == nil && !errors.Is(err, access.ErrProve) {
				t.Errorf("a shell, long after the passkey was shown: %v", err)
			}
		})
	}
}

// TestWhoeverIsInAHurrySpeaksForNobodyElse: a channel that was not known in their time is asked about again; one that was not in Slack's, a
// while later.
func TestWhoeverIsInAHurrySpeaksForNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, g := setup(false)
		w.present = map[string][]string{"C0SHOP": {"U1"}}
		w.silent = true
		hurried, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := g.InChannel(hurried, "U1", "C0SHOP"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Slack's silence is answered with %v", err)
		}
		w.silent = false
		if in, err := g.InChannel(t.Context(), "U1", "C0SHOP"); !in || err != nil {
			t.Errorf("the next one hears %v, %v", in, err)
		}
		w.silent, w.now = true, w.now.Add(2*time.Minute)
		if _, err := g.InChannel(t.Context(), "U1", "C0SHOP"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Slack's silence is answered with %v", err)
		}
		w.silent = false
		if _, err := g.InChannel(t.Context(), "U1", "C0SHOP"); err == nil {
			t.Error("Slack is asked again at once")
		}
		w.now = w.now.Add(10 * time.Second)
		if in, err := g.InChannel(t.Context(), "U1", "C0SHOP"); !in || err != nil {
			t.Errorf("ten seconds later it is %v, %v", in, err)
		}
	})
}
