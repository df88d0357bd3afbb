package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot"
)

func (a *API) getHold(w http.ResponseWriter, r *http.Request) error {
	c, err := a.container(r)
	if err != nil {
		return err
	}
	held, err := a.deps.Holds.Of(r.Context(), c.Key)
	if err != nil {
		return fmt.Errorf("reading the holds of %s: %w", c.Name, err)
	}
	tag(w, c)
	return respond(w, http.StatusOK, wire.Holds{Container: c.Name, Holds: shapeAll(held, a.shapeHold)})
}

func (a *API) shapeHold(h snapshot.Hold) wire.Hold {
	return wire.Hold{
		Summary: a.deps.Holds.Sentence(h), Deploy: h.What(), Since: h.Since, Until: h.Until, By: h.By, RestoreID: h.Restore, Snapshot: h.Snapshot,
		IncidentID: h.Incident, Image: h.Ref, ImageID: h.Image.ID, Digests: full(h.Image.Digests), Changes: full(h.Changes), BackAt: h.BackAt,
	}
}

func (a *API) releaseHold(w http.ResponseWriter, r *http.Request) error {
	c, err := a.container(r)
	if err != nil {
		return err
	}
	if _, err := a.deps.Holds.Release(r.Context(), c.Key, by(r, 0, "")); err != nil {
		return fmt.Errorf("releasing the hold of %s: %w", c.Name, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// mayDeploy returns an error that wraps snapshot.ErrHeld when a pipeline is about to deploy what is on hold. An override is
// written down before anything is done.
func (a *API) mayDeploy(r *http.Request, c snapshot.Container, in wire.NewSnapshot) error {
	if in.Reason != string(snapshot.PreDeploy) {
		return nil
	}
	token := traceOf(r).token
	if in.Override && !token.May([]access.Scope{access.RestoreScope}) {
		return &refusal{err: errScope, detail: fmt.Sprintf("The token %s lacks the scope %s, which override takes.", token.Name, access.RestoreScope)}
	}
	err := a.deps.Holds.Check(r.Context(), c, in.Deploying)
	var held *snapshot.HeldError
	if !in.Override || !errors.As(err, &held) {
		return err
	}
	return a.deps.Holds.Override(r.Context(), c, held.Hold, by(r, 0, in.Note))
}
