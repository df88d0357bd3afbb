package access

import (
	"context"
	"errors"

	"github.com/snapback/snapback/incidents"
)

// Incidents reads incidents.
type Incidents interface {
	// Incident reads one by our own ID. It returns incidents.ErrUnknown.
	Incident(ctx context.Context, id int64) (incidents.Incident, error)
}

// Tokens reads API tokens.
type Tokens interface {
	// FindToken returns ErrUnknownToken; a revoked one is returned as such.
	FindToken(ctx context.Context, id string) (Token, error)
}

// Gate says whether a terminal may be: its incident is open, its container enabled, its mode allowed at all, and what has let
// its person in still would.
type Gate struct {
	Guard      *Guard
	Incidents  Incidents
	Containers Containers
	Tokens     Tokens
	Consoles   Consoles // nil: there is no console
}

// Check returns nil, ErrResolved, ErrNotEnabled, ErrDenied, ErrUnsure when nothing but the person's permission could not be
// found out, or another error where it could not find out. A container that is being replaced has no labels to ask, and a
// session outlives that. Of a terminal that was opened in the console it returns ErrSignedOut, and never ErrResolved.
func (g *Gate) Check(ctx context.Context, v Grant) error {
	if v.Person.Via.Console != "" {
		return g.fromConsole(ctx, v)
	}
	in, err := g.Incidents.Incident(ctx, v.IncidentID)
	if err != nil {
		return err
	}
	if !in.Open() {
		return ErrResolved
	}
	labels, ok, err := g.Containers.LabelsOf(ctx, v.Container, v.Name)
	if err != nil || !ok {
		return err
	}
	return errors.Join(labels.Allows(v.Mode), g.person(ctx, v, labels, in))
}

// person asks again what was asked when the link was made: of the API token, whether it was revoked since; of the person,
// whether they may, as the container's labels have it now. A token that has named nobody holds the link itself.
func (g *Gate) person(ctx context.Context, v Grant, labels Labels, in incidents.Incident) error {
	who := v.Person.Person
	if via := v.Person.Via; via.TokenID != "" {
		if err := g.token(ctx, via.TokenID); err != nil || who.SlackID == "" && who.PagerDutyID == "" {
			return err
		}
	}
	who.Email = "" // it is looked up anew
	return g.Guard.StillMay(ctx, Wish{Who: who, Labels: labels, Incident: in, Channel: v.Person.Via.Channel, Shell: v.Mode == ModeShell})
}

func (g *Gate) token(ctx context.Context, id string) error {
	if id == BootstrapID {
		return nil
	}
	t, err := g.Tokens.FindToken(ctx, id)
	if errors.Is(err, ErrUnknownToken) || err == nil && !t.RevokedAt.IsZero() {
		return ErrDenied
	}
	return err
}

// CheckNote is Check before something is written onto the incident's timeline by hand. As in Slack and in the console, whoever is where
// the incident's message stands may, also when it is resolved. A token's holder whom nobody has named may not.
func (g *Gate) CheckNote(ctx context.Context, v Grant) error {
	if err := g.Check(ctx, v); err != nil {
		return err
	}
	in, err := g.Incidents.Incident(ctx, v.IncidentID)
	if err != nil {
		return err
	}
	channel, err := g.Guard.Stands(ctx, in)
	if err != nil {
		return err
	}
	is, err := g.Guard.InChannel(ctx, v.Person.SlackID, channel)
	if err == nil && !is {
		return ErrDenied
	}
	if err != nil {
		return errors.Join(ErrUnsure, err)
	}
	return nil
}
