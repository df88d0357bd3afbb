package watch

import (
	"context"
	"fmt"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// hold fills in what a deploy has brought back of holds, unless that was back already with what ran before. Of several, the one
// is told that is back as a whole, and else the newest.
func (w *Watcher) hold(ctx context.Context, d *snapshot.Deployed, was snapshot.Occupant, now snapshot.Inspection) error {
	held, err := w.Store.Holds(ctx, d.Key)
	if err != nil {
		return fmt.Errorf("reading what is on hold: %w", err)
	}
	var found *snapshot.Returned
	for _, h := range held {
		is, back := w.returns(h, now.Document)
		had, before := w.returns(h, was.Document)
		if is.Whole {
			d.Held = append(d.Held, h.ID)
		}
		known := before && had.Whole == is.Whole && len(had.Back) >= len(is.Back)
		if back && !known && (found == nil || is.Whole && !found.Whole) {
			found = &is
		}
	}
	if found == nil {
		return nil
	}
	e, err := w.backEntry(*found, d.Deploy, now)
	d.Back = &snapshot.Back{Returned: *found, Entry: e}
	return err
}

// returns compares a document with a hold. What can't be compared must not keep people from hearing of the deploy.
func (w *Watcher) returns(h snapshot.Hold, document []byte) (snapshot.Returned, bool) {
	if len(h.Document) == 0 || len(document) == 0 {
		return snapshot.Returned{}, false
	}
	differs, err := w.Engine.Changes(h.Document, document)
	if err != nil {
		w.Logger.Error("comparing a container with what is on hold", "container", h.Container, "err", err)
		return snapshot.Returned{}, false
	}
	return h.Returns(differs)
}

func (w *Watcher) backEntry(r snapshot.Returned, d snapshot.Deploy, now snapshot.Inspection) (incidents.Entry, error) {
	ref := r.Hold.RefersTo()
	e := incidents.Entry{
		OccurredAt: d.At, Kind: incidents.KindDeployReturned, Actor: incidents.Actor{Kind: incidents.Engine, Name: "docker"},
		Source: incidents.Source{System: "engine", NativeID: d.AfterID}, Summary: r.Sentence(now.Name, now.Image, d.At, w.Zone),
	}
	if r.Whole {
		e.Kind = incidents.KindDeployBack
	}
	var err error
	e.Details, err = incidents.Details(deployDetails{Container: now.Name, Key: d.Key, Service: now.Service, Deploy: d, Returned: r.Back, Hold: &ref})
	return e, err
}
