package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

// gate says whether a terminal session may be: its incident is open, its container enabled, its mode allowed at all, and
// what has let its person in still would.
type gate struct {
	db    *store.DB
	fleet fleet
	bot   *bot.Bot // set once there is one, which is before anybody listens
}

// Check implements terminal.Gate.
func (g *gate) Check(ctx context.Context, s terminal.Session) error {
	in, err := g.db.Incident(ctx, s.IncidentID)
	if err != nil {
		return err
	}
	if !in.Open() {
		return terminal.ErrIncidentResolved
	}
	list, err := g.fleet.engine.List(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Key == s.Container {
			return errors.Join(allowedMode(c, s.Mode), g.person(ctx, s, c, in))
		}
	}
	return g.gone(ctx, s)
}

// person asks again what was asked when the link was made: of the API token, whether it was revoked since; of the person,
// whether they may, as the container's labels have it now. A token that has named nobody holds the link itself.
func (g *gate) person(ctx context.Context, s terminal.Session, c snapshot.Container, in incidents.Incident) error {
	who := access.Person{SlackID: s.Person.SlackID, PagerDutyID: s.Person.PagerDutyID, Name: s.Person.Name}
	if via := s.Person.Via; via.TokenID != "" {
		if err := g.token(ctx, via.TokenID); err != nil || who.SlackID == "" && who.PagerDutyID == "" {
			return err
		}
	}
	err := g.bot.StillMay(ctx, who, c, in, s.Person.Via.Channel, s.Mode == terminal.ModeShell)
	switch {
	case errors.Is(err, bot.ErrDenied):
		return terminal.ErrNotAllowed
	case errors.Is(err, bot.ErrUnsure):
		return fmt.Errorf("%w: %w", terminal.ErrUnsure, err)
	}
	return err
}

func (g *gate) token(ctx context.Context, id string) error {
	if id == access.BootstrapID {
		return nil
	}
	t, err := g.db.FindToken(ctx, id)
	if errors.Is(err, access.ErrUnknownToken) || err == nil && !t.RevokedAt.IsZero() {
		return terminal.ErrNotAllowed
	}
	return err
}

// gone tells a container that is being replaced, which a session outlives, from one that has lost its label.
func (g *gate) gone(ctx context.Context, s terminal.Session) error {
	c, err := g.fleet.engine.Inspect(ctx, s.Name)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil
	}
	if err == nil && !c.Enabled {
		return terminal.ErrNotEnabled
	}
	return err
}

func allowedMode(c snapshot.Container, mode terminal.Mode) error {
	if mode == terminal.ModeShell && c.Settings.TerminalAllow.Rule == access.Nobody {
		return terminal.ErrNotAllowed
	}
	return nil
}

type terminalTimeline struct{ db *store.DB }

func (t terminalTimeline) Record(ctx context.Context, incident int64, kind incidents.Kind, summary string, details map[string]any, by terminal.Person) error {
	doc, err := incidents.Details(details)
	if err != nil {
		return err
	}
	_, err = t.db.Record(ctx, incidents.Entry{
		IncidentID: incident, Kind: kind, Summary: summary, Details: doc,
		Actor: terminalActor(by), Source: incidents.Source{System: "snapback", URL: by.Via.Tap},
	})
	return err
}

// terminalActor is who opened a terminal. Of a link that a token has asked for, nobody knows but that the token did:
// whoever holds it says whom the link is for.
func terminalActor(p terminal.Person) incidents.Actor {
	switch via := p.Via; {
	case via.TokenID != "" && p.Name != via.Token:
		return incidents.Actor{Kind: incidents.Token, Name: "token " + via.Token + ", for " + p.Name}
	case via.TokenID != "":
		return incidents.Actor{Kind: incidents.Token, Name: via.Token}
	}
	return incidents.Actor{Kind: incidents.Person, SlackID: p.SlackID, PagerDutyID: p.PagerDutyID, Name: p.Name}
}
