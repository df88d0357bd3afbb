package api

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot"
)

// listDeploys lists the deploys of one container, or of all that GET /containers lists: nobody is told of one that was never enabled. What
// was deployed is on record, so that it can be asked while the engine is away.
func (a *API) listDeploys(w http.ResponseWriter, r *http.Request) error {
	p, err := pageOf(r, "deploys")
	if err != nil {
		return err
	}
	ask, err := deployPage(r, p)
	if err != nil {
		return err
	}
	containers, err := a.deployedTo(r)
	if err != nil {
		return err
	}
	for key := range containers {
		ask.Keys = append(ask.Keys, key)
	}
	list, err := a.deps.Deploys.DeployPage(r.Context(), ask)
	if err != nil {
		return fmt.Errorf("listing deploys: %w", err)
	}
	list, next := trim(p, list, func(d snapshot.Past) position { return position{at: micros(d.At), id: strconv.FormatInt(d.ID, 10)} })
	shape := func(d snapshot.Past) wire.Deploy { return shapeDeploy(containers[d.Key], d) }
	return respond(w, http.StatusOK, wire.Deploys{Deploys: shapeAll(list, shape), NextCursor: next})
}

// deployedTo are the containers whose deploys are asked for, by their keys.
func (a *API) deployedTo(r *http.Request) (map[string]snapshot.Container, error) {
	all, err := a.deps.Containers.List(r.Context())
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	all = choose(all, func(c snapshot.Container) bool { return !c.Elsewhere && !snapshot.OurName(c.Name) })
	if q := r.URL.Query(); q.Has("container") {
		one, err := Resolve(all, q.Get("container"))
		return map[string]snapshot.Container{one.Key: one}, err
	}
	found := map[string]snapshot.Container{}
	for _, c := range all {
		found[c.Key] = c
	}
	return found, nil
}

func deployPage(r *http.Request, p page) (snapshot.DeployPage, error) {
	ask := snapshot.DeployPage{Limit: p.limit + 1}
	since, err := sinceOf(r, time.Now(), time.Time{})
	if err != nil {
		return ask, err
	}
	ask.Since = since
	if ask.ID, err = p.id(); p.from != nil {
		ask.Before = time.UnixMicro(p.from.at).UTC()
	}
	return ask, err
}

func shapeDeploy(c snapshot.Container, d snapshot.Past) wire.Deploy {
	out := wire.Deploy{
		ID: d.ID, Container: c.Name, Service: c.Service, Engine: cmp.Or(c.On, c.Engine), At: d.At.UTC(), Before: d.Before, After: d.After,
		Snapshot: d.Snapshot, Changes: full(d.Changes),
	}
	if d.RolledBack != nil {
		out.RolledBack = &wire.RolledBack{Snapshot: d.RolledBack.By, At: d.RolledBack.At.UTC()}
	}
	return out
}
