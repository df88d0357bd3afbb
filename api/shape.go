package api

import (
	"cmp"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

func (a *API) shapeContainer(c snapshot.Container) wire.Container {
	out := wire.Container{ID: c.ID, Name: c.Name, Service: c.Service, Engine: cmp.Or(c.On, c.Engine), Image: c.Image, State: c.State}
	if c.Tasks != nil {
		out.Tasks = &wire.Tasks{Want: c.Tasks.Want, Running: c.Tasks.Running, Old: c.Tasks.Old}
	}
	if c.Away && !c.Gone() { // nobody knows what it does by now
		out.State = "unknown"
	}
	out.Archiving = a.deps.Taker.Archiving(c.Key)
	return out
}

func shapeSnapshot(s snapshot.Snapshot, whyNot []string) wire.Snapshot {
	return wire.Snapshot{
		Name: s.Name, Container: s.Container, Reason: s.Reason, Note: s.Note, Unwell: s.Unwell, CreatedAt: s.CreatedAt.UTC(), LastSeenAt: s.Seen().UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		Pinned: s.Pinned, SizeBytes: s.SizeBytes, Restorable: len(whyNot) == 0, WhyNot: full(whyNot), Changes: []snapshot.Change{},
	}
}

// shapeVolumes is nil for a snapshot without contents of volumes.
func shapeVolumes(offer restore.Offer) *wire.Volumes {
	if offer.Volumes == nil {
		return nil
	}
	set, whyNot := offer.Volumes.Set, append(full(offer.Volumes.WhyNot), offer.WhyNot...)
	v := &wire.Volumes{
		TakenAt: set.TakenAt.UTC(), Consistency: set.Consistency, Paths: full(set.Paths()), SizeBytes: set.Bytes(),
		Restorable: len(whyNot) == 0, WhyNot: whyNot, Left: full(set.Left),
	}
	for _, a := range set.Archives {
		for _, left := range a.Left {
			v.Left = append(v.Left, a.Path+": "+left)
		}
	}
	return v
}

func shapeRestore(r restore.Restore) *wire.Restore {
	return &wire.Restore{
		ID: r.ID, Kind: r.Kind, UndoOf: r.UndoOf, Container: r.Container, Snapshot: r.Snapshot, State: r.State,
		Summary: r.Sentence(r.State), RequestedBy: r.By.Actor, Reason: r.By.Reason,
		RequestedAt: r.RequestedAt.UTC(), StartedAt: r.StartedAt.UTC(), VerifiedAt: r.VerifiedAt.UTC(),
		DowntimeMs: r.Downtime.Milliseconds(), Phases: full(r.Phases), Differences: full(r.Differences),
		WhyNot: full(r.WhyNot), Kept: r.Plan.KeptName, Error: r.Error, Incident: r.By.Incident,
	}
}

func shapeIncident(i incidents.Incident) wire.Incident {
	return wire.Incident{
		ID: i.ID, PagerDutyID: i.PagerDutyID, Number: i.Number, Title: i.Title, Service: i.Service, Status: i.Status, Urgency: i.Urgency,
		OpenedAt: i.OpenedAt, AcknowledgedAt: i.AcknowledgedAt, RestoredAt: i.RestoredAt, FlatAt: i.FlatAt, ResolvedAt: i.ResolvedAt,
	}
}

// full is list, and never null in JSON.
func full[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func shapeAll[T, W any](list []T, shape func(T) W) []W {
	shaped := make([]W, 0, len(list))
	for _, v := range list {
		shaped = append(shaped, shape(v))
	}
	return shaped
}
