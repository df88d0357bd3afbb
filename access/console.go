package access

import (
	"context"
	"errors"

	"github.com/snapback/snapback/incidents"
)

// Consoles knows who is signed in to the console; *signin.Service does.
type Consoles interface {
	// StillIn returns ErrSignedOut for a session of the console that is over or unknown.
	StillIn(ctx context.Context, session string) error
	// ProvedLately returns ErrProve when the session's passkey was shown too long ago for what is worth asking again, and what
	// StillIn returns.
	ProvedLately(ctx context.Context, session string) error
}

// CheckShell is Check for a shell that is about to be started: whoever is in the console must have shown their passkey lately. It
// returns ErrProve as well.
func (g *Gate) CheckShell(ctx context.Context, v Grant) error {
	if err := g.Check(ctx, v); err != nil || v.Person.Via.Console == "" {
		return err
	}
	return g.Consoles.ProvedLately(ctx, v.Person.Via.Console)
}

// fromConsole asks again what was asked when somebody opened a terminal in the console. It hangs on no incident: one that is open
// may let more people in, and is not missed when it is resolved.
func (g *Gate) fromConsole(ctx context.Context, v Grant) error {
	if g.Consoles == nil {
		return ErrSignedOut
	}
	if err := g.Consoles.StillIn(ctx, v.Person.Via.Console); err != nil {
		return err
	}
	labels, ok, err := g.Containers.LabelsOf(ctx, v.Container, v.Name)
	if err != nil || !ok {
		return err
	}
	in, err := g.openIncident(ctx, v.IncidentID)
	if err != nil {
		return err
	}
	return errors.Join(labels.Allows(v.Mode), g.Guard.MayFromConsole(ctx, Wish{
		Who: Person{SlackID: v.Person.SlackID}, Labels: labels, Incident: in, Shell: v.Mode == ModeShell,
	}))
}

// openIncident is the zero incident where there is none that is open.
func (g *Gate) openIncident(ctx context.Context, id int64) (incidents.Incident, error) {
	if id == 0 {
		return incidents.Incident{}, nil
	}
	in, err := g.Incidents.Incident(ctx, id)
	if err != nil || !in.Open() {
		return incidents.Incident{}, err
	}
	return in, nil
}
