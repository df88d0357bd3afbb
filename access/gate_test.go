package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// atTheGate is a world in which Ann, who is in the shop's channel, may read the log of its container.
func atTheGate() (*world, access.Gate, access.Grant) {
	w, guard := setup(false)
	w.tokens = map[string]access.Token{"t1": {ID: "t1"}}
	w.labels = access.Labels{
		PagerDutyServices: []string{"PSHOP"}, SlackChannel: "C0SHOP",
		RestoreAllow: access.Allow{Rule: access.Channel}, TerminalAllow: access.Allow{Rule: access.Channel},
	}
	return w, access.Gate{Guard: guard, Incidents: w, Containers: w, Tokens: w}, access.Grant{
		Person:     access.Holder{Person: access.Person{SlackID: "U0ANN", Name: "Ann"}, Via: access.Via{Channel: "C0SHOP"}},
		IncidentID: 7, Container: "k/api", Name: "api", Mode: access.ModeLogs,
	}
}

func TestATerminalGoesOnForAsLongAsWhatLetItsPersonIn(t *testing.T) {
	t.Parallel()
	away := errors.New("the engine is away")
	for name, c := range map[string]struct {
		change func(*world, *access.Grant)
		want   error // nil: it goes on
	}{
		"nothing has changed":              {func(*world, *access.Grant) {}, nil},
		"the incident is resolved":         {func(w *world, _ *access.Grant) { w.incident.Status = incidents.Resolved }, access.ErrResolved},
		"the container is being replaced":  {func(w *world, _ *access.Grant) { w.labelled = false }, nil},
		"the container has lost its label": {func(w *world, _ *access.Grant) { w.labelled, w.labelsErr = false, access.ErrNotEnabled }, access.ErrNotEnabled},
		"the engine is away":               {func(w *world, _ *access.Grant) { w.labelled, w.labelsErr = false, away }, away},
		"the shell was turned off": {func(w *world, g *access.Grant) {
			g.Mode, w.labels.TerminalAllow.Rule = access.ModeShell, access.Nobody
		}, access.ErrDenied},
		"the labels name others": {func(w *world, _ *access.Grant) {
			w.labels.RestoreAllow = access.Allow{Rule: access.Listed, IDs: []string{"U0BOB"}}
		}, access.ErrDenied},
		"the account is over":       {func(w *world, _ *access.Grant) { w.account.Standing = access.Deactivated }, access.ErrDenied},
		"Slack does not tell":       {func(w *world, _ *access.Grant) { w.slackErr = away }, access.ErrUnsure},
		"the token is there":        {func(_ *world, g *access.Grant) { g.Person.Via.TokenID = "t1" }, nil},
		"the token was revoked":     {func(_ *world, g *access.Grant) { g.Person.Via.TokenID = "t2" }, access.ErrDenied},
		"the token is gone":         {func(_ *world, g *access.Grant) { g.Person.Via.TokenID = "t3" }, access.ErrDenied},
		"a token's holder, unnamed": {func(_ *world, g *access.Grant) { g.Person.SlackID, g.Person.Via = "", access.Via{TokenID: "t1"} }, nil},
		"the bootstrap token's holder": {func(_ *world, g *access.Grant) {
			g.Person.SlackID, g.Person.Via = "", access.Via{TokenID: access.BootstrapID}
		}, nil},
		"a token's holder, of a shell that was turned off": {func(w *world, g *access.Grant) {
			g.Person.SlackID, g.Person.Via, g.Mode = "", access.Via{TokenID: "t1"}, access.ModeShell
			w.labels.TerminalAllow.Rule = access.Nobody
		}, access.ErrDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, gate, grant := atTheGate()
			w.tokens["t2"] = access.Token{ID: "t2", RevokedAt: time.Now()}
			c.change(w, &grant)
			if err := gate.Check(t.Context(), grant); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestWhoeverMayNoteMayShareALine has somebody who may read the log, and more is asked of them.
func TestWhoeverMayNoteMayShareALine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*world, *access.Grant)
		want   error
	}{
		"where the message stands":       {func(*world, *access.Grant) {}, nil},
		"somewhere else":                 {func(w *world, _ *access.Grant) { w.present = map[string][]string{"C0SHOP": {"U0BOB"}} }, access.ErrDenied},
		"before there is a message":      {func(w *world, _ *access.Grant) { w.stands = "" }, access.ErrDenied},
		"a token's holder, unnamed":      {func(_ *world, g *access.Grant) { g.Person.SlackID, g.Person.Via = "", access.Via{TokenID: "t1"} }, access.ErrDenied},
		"who may not even read any more": {func(w *world, _ *access.Grant) { w.labels.RestoreAllow.Rule = access.Nobody }, access.ErrDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, gate, grant := atTheGate()
			w.stands, w.present = "C0SHOP", map[string][]string{"C0SHOP": {"U0ANN"}}
			c.change(w, &grant)
			if err := gate.CheckNote(t.Context(), grant); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
