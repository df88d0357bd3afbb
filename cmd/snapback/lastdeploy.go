package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
)

// suspicion is how long before an alert a deploy may have been to go onto its timeline.
const suspicion = 7 * 24 * time.Hour

// suspects puts the deploy nearest before an alert onto the incident's timeline, which the post-mortem begins with.
type suspects struct {
	db    *store.DB
	fleet snapshot.Fleet
}

// tryNote gives up soon: the alert itself must not wait for an engine that does not answer. It is tried again whenever the
// incident is told.
func (s suspects) tryNote(ctx context.Context, incident int64, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := s.note(ctx, incident); err != nil {
		log.Warn("looking for the last deploy", "incident_id", incident, "err", err)
	}
}

// note writes the entry, once. Deploys that come later are written by the watch.
func (s suspects) note(ctx context.Context, incident int64) error {
	if incident == 0 {
		return nil
	}
	in, err := s.db.Incident(ctx, incident)
	if err != nil || in.ServiceID == "" {
		return err
	}
	containers, err := s.fleet.List(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	var keys []string
	for _, c := range containers {
		if c.Settings.Names(in.ServiceID) {
			names[c.Key] = c.Name
			keys = append(keys, c.Key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	d, found, err := s.db.DeployBefore(ctx, keys, in.OpenedAt)
	if err != nil || !found || in.OpenedAt.Sub(d.At) > suspicion {
		return err
	}
	e, err := deployBefore(in, d, names[d.Key])
	if err != nil {
		return err
	}
	_, err = s.db.RecordOnce(ctx, e)
	return err
}

func deployBefore(in incidents.Incident, d snapshot.Deploy, container string) (incidents.Entry, error) {
	details, err := incidents.Details(struct {
		Container string `json:"container"`
		snapshot.Deploy
	}{container, d})
	what := "nothing changed"
	if len(d.Changes) > 0 {
		what = snapshot.OneLine(d.Changes, 3)
	}
	return incidents.Entry{
		IncidentID: in.ID, OccurredAt: d.At, Kind: incidents.KindDeploy,
		Actor: incidents.Actor{Kind: incidents.Engine, Name: "docker"}, Source: incidents.Source{System: "engine", NativeID: d.AfterID},
		Summary: fmt.Sprintf("The last deploy before the alert, %s before it: %s, %s",
			in.OpenedAt.Sub(d.At).Round(time.Second), container, what),
		Details: details,
	}, err
}
