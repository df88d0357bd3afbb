package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

func (a *API) restoreSnapshot(w http.ResponseWriter, r *http.Request) error {
	in, err := restoreAsk(r)
	if err != nil {
		return err
	}
	c, snap, err := a.snapshot(r)
	if err != nil {
		return err
	}
	ask := restore.Ask{Container: c, Snapshot: snap.Name, Volumes: in.Volumes, Replicas: in.Replicas, Idempotency: wishKey(r)}
	if ask.Seen, err = seen(r, c); err != nil {
		return err
	}
	if ask.Force, err = forced(r); err != nil {
		return err
	}
	incident, err := a.incidentFor(r.Context(), c, in.Incident)
	if err != nil {
		return err
	}
	ask.By = by(r, incident, in.Reason)
	rest, err := a.deps.Restorer.Request(r.Context(), ask)
	if err != nil {
		return fmt.Errorf("restoring %s to %s: %w", c.Name, snap.Name, err)
	}
	return a.answerRestore(w, r, rest)
}

// forced reads force: a restore is wanted even if it would change nothing.
func forced(r *http.Request) (bool, error) {
	switch v := r.URL.Query().Get("force"); v {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, malformed("force is true or false.")
}

func restoreAsk(r *http.Request) (wire.RestoreAsk, error) {
	var in wire.RestoreAsk
	if err := decode(r, &in); err != nil {
		return in, err
	}
	err := sentence("reason", in.Reason)
	in.Reason = mask.Text(in.Reason, nil)
	return in, err
}

// answerRestore waits until the restore is over, unless the client rather would not. The restore does not depend on
// it: when the client goes away or the wait has been long enough, it goes on, and the answer is where to look.
func (a *API) answerRestore(w http.ResponseWriter, r *http.Request, rest restore.Restore) error {
	w.Header().Set("Location", "/restores/"+strconv.FormatInt(rest.ID, 10))
	if prefersAsync(r) {
		w.Header().Set("Preference-Applied", "respond-async")
		return respond(w, http.StatusAccepted, shapeRestore(rest))
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.MaxWait)
	defer cancel()
	over, err := a.deps.Restorer.Wait(ctx, rest.ID)
	if err != nil {
		// Whatever keeps us from seeing its end, it was asked for and audited: that is what we know.
		a.log.WarnContext(r.Context(), "restore not waited for", "restore_id", rest.ID, "err", err)
		return respond(w, http.StatusAccepted, shapeRestore(rest))
	}
	shaped := a.over(r, over)
	if err := outcome(over, shaped); err != nil {
		return err
	}
	return respond(w, http.StatusOK, shaped)
}

// outcome is nil for a restore that did what was asked.
func outcome(rest restore.Restore, shaped *wire.Restore) error {
	refused := &refusal{detail: rest.Sentence(rest.State) + ".", reasons: rest.WhyNot, restore: shaped}
	switch rest.State {
	case restore.Refused:
		refused.err = snapshot.ErrNotRestorable
	case restore.Reverted:
		refused.err = errReverted
	case restore.Failed:
		refused.err = errFailed
	default:
		return nil
	}
	return refused
}

// prefersAsync reads Prefer (RFC 7240): preferences by comma, parameters after a semicolon.
func prefersAsync(r *http.Request) bool {
	for _, header := range r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(header, ",") {
			token, _, _ := strings.Cut(preference, ";")
			if strings.EqualFold(strings.TrimSpace(token), "respond-async") {
				return true
			}
		}
	}
	return false
}

func (a *API) getRestore(w http.ResponseWriter, r *http.Request) error {
	rest, err := a.restore(r)
	if err != nil {
		return err
	}
	shaped := shapeRestore(rest)
	if !rest.State.Final() {
		shaped.Progress = a.deps.Restorer.Progress(rest.ID)
	}
	return respond(w, http.StatusOK, shaped)
}

func (a *API) restore(r *http.Request) (restore.Restore, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return restore.Restore{}, fmt.Errorf("%w: %q", snapshot.ErrUnknownRestore, clip(r.PathValue("id")))
	}
	return a.deps.Restores.Restore(r.Context(), id)
}

// undoRestore puts the container from before back. It belongs to the incident that the restore belonged to.
func (a *API) undoRestore(w http.ResponseWriter, r *http.Request) error {
	in, err := restoreAsk(r)
	if err != nil {
		return err
	}
	if in.Volumes {
		return malformed("volumes is for restores: an undo puts back whatever its restore replaced.")
	}
	if in.Replicas {
		return malformed("replicas is for restores: an undo puts back as many tasks as its restore has changed.")
	}
	undone, err := a.restore(r)
	if err != nil {
		return err
	}
	incident := undone.By.Incident
	if in.Incident != nil {
		if incident, err = a.namedIncident(r.Context(), in.Incident); err != nil {
			return err
		}
	}
	rest, err := a.deps.Restorer.Undo(r.Context(), undone.ID, by(r, incident, in.Reason), wishKey(r))
	if err != nil {
		return fmt.Errorf("undoing restore %d: %w", undone.ID, err)
	}
	return a.answerRestore(w, r, rest)
}
