package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

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
			w, guard := setup(false)
			w.tokens = map[string]access.Token{"t1": {ID: "t1"}, "t2": {ID: "t2", RevokedAt: time.Now()}}
			w.labels = access.Labels{
				PagerDutyServices: []string{"PSHOP"}, SlackChannel: "C0SHOP",
				RestoreAllow: access.Allow{Rule: access.Channel}, TerminalAllow: access.Allow{Rule: access.Channel},
			}
			grant := access.Grant{
				Person:     access.Holder{Person: access.Person{SlackID: "U0ANN", Name: "Ann"}, Via: access.Via{Channel: "C0SHOP"}},
				IncidentID: 7, Container: "k/api", Name: "api", Mode: access.ModeLogs,
			}
			c.change(w, &grant)
			gate := access.Gate{Guard: guard, Incidents: w, Containers: w, Tokens: w}
			if err := gate.Check(t.Context(), grant); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
