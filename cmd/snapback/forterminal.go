package main

import (
	"context"
	"errors"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

// gate says whether a terminal session may be: its incident is open, its container enabled, its mode allowed at all.
// Whether that person may was decided when the link was made for them.
type gate struct {
	db    *store.DB
	fleet fleet
}

// Check implements terminal.Gate.
func (g gate) Check(ctx context.Context, s terminal.Session) error {
	if s.IncidentID != 0 {
		in, err := g.db.Incident(ctx, s.IncidentID)
		if err != nil {
			return err
		}
		if !in.Open() {
			return terminal.ErrIncidentResolved
		}
	}
	list, err := g.fleet.engine.List(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Key == s.Container {
			return allowedMode(c, s.Mode)
		}
	}
	return g.gone(ctx, s)
}

// gone tells a container that is being replaced, which a session outlives, from one that has lost its label.
func (g gate) gone(ctx context.Context, s terminal.Session) error {
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
	if mode == terminal.ModeShell && c.Settings.TerminalAllow.Rule == "none" {
		return terminal.ErrNotAllowed
	}
	return nil
}

type terminalTimeline struct{ db *store.DB }

func (t terminalTimeline) Record(ctx context.Context, incident int64, kind, summary string, details map[string]any, by terminal.Person) error {
	doc, err := incidents.Details(details)
	if err != nil {
		return err
	}
	_, err = t.db.Record(ctx, incidents.Entry{
		IncidentID: incident, Kind: kind, Summary: summary, Details: doc,
		Actor:  incidents.Actor{Kind: incidents.Person, SlackID: by.SlackID, PagerDutyID: by.PagerDutyID, Name: by.Name},
		Source: incidents.Source{System: "snapback"},
	})
	return err
}
