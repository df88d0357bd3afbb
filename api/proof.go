package api

import (
	"fmt"
	"net/http"

	"github.com/snapback/snapback/incidents"
)

func (a *API) proveIncident(w http.ResponseWriter, r *http.Request) error {
	i, err := a.incident(r)
	if err != nil {
		return err
	}
	return a.prove(w, r, i.ID)
}

func (a *API) proveLoose(w http.ResponseWriter, r *http.Request) error { return a.prove(w, r, 0) }

// prove reads a whole timeline, as an export does, and waits for its turn among them.
func (a *API) prove(w http.ResponseWriter, r *http.Request, incident int64) error {
	var proof incidents.Proof
	err := a.Downloads.Make(r.Context(), tokenOf(r), func() (err error) {
		proof, err = a.deps.Prover.Prove(r.Context(), incident)
		return err
	})
	if err != nil {
		return fmt.Errorf("proving the timeline of incident %d: %w", incident, err)
	}
	return respond(w, http.StatusOK, proof)
}
