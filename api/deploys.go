package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot"
)

// listDeploys lists the deploys of one container, also of another bot's, or of all that GET /containers lists: nobody is told of one that was
// never enabled. What was deployed is on record, so that it can be asked while the engine is away.
func (a *API) listDeploys(w http.ResponseWriter, r *http.Request) error {
	p, err := pageOf(r, "deploys")
	if err != nil {
		return err
	}
	ask, err := deployPage(r, p)
	if err != nil {
		return err
	}
	all, asked, err := a.onceDeployed(r)
	if err != nil {
		return err
	}
	containers := map[string]snapshot.Container{}
	for _, c := range all {
		containers[c.Key] = c
	}
	for _, c := range asked {
		ask.Keys, containers[c.Key] = append(ask.Keys, c.Key), c
	}
	list, err := a.deps.Deploys.DeployPage(r.Context(), ask)
	if err != nil {
		return fmt.Errorf("listing deploys: %w", err)
	}
	list, next := trim(p, list, func(d snapshot.Past) position { return position{at: micros(d.At), id: strconv.FormatInt(d.ID, 10)} })
	together, err := a.together(r.Context(), list)
	if err != nil {
		return err
	}
	shape := func(d snapshot.Past) wire.Deploy {
		out := shapeDeploy(containers[d.Key], d)
		out.Together = deployedWith(together[d.ID], containers)
		return out
	}
	return respond(w, http.StatusOK, wire.Deploys{Deploys: shapeAll(list, shape), NextCursor: next})
}

func (a *API) together(ctx context.Context, list []snapshot.Past) (map[int64][]snapshot.Deploy, error) {
	of := make([]snapshot.Deploy, 0, len(list))
	for _, d := range list {
		of = append(of, d.Deploy)
	}
	found, err := a.deps.Deploys.Together(ctx, of...)
	if err != nil {
		return nil, fmt.Errorf("finding what was deployed together: %w", err)
	}
	return found, nil
}

// deployedWith leaves out what is not listed any more.
func deployedWith(deploys []snapshot.Deploy, containers map[string]snapshot.Container) (out []wire.DeployedWith) {
	for _, d := range deploys {
		if c, listed := containers[d.Key]; listed {
			out = append(out, wire.DeployedWith{ID: d.ID, Container: c.Name})
		}
	}
	return out
}

// onceDeployed are this bot's containers whose deploys may be told, and those whose deploys are asked for.
func (a *API) onceDeployed(r *http.Request) (own, asked []snapshot.Container, err error) {
	all, err := a.deps.Containers.List(r.Context())
	if err != nil {
		return nil, nil, fmt.Errorf("listing containers: %w", err)
	}
	own = choose(all, func(c snapshot.Container) bool { return !c.Elsewhere && !snapshot.OurName(c.Name) })
	q := r.URL.Query()
	if !q.Has("container") {
		return own, own, nil
	}
	one, err := Resolve(own, q.Get("container"))
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		one, err = othersOr(err, all, q.Get("container"))
	}
	return own, []snapshot.Container{one}, err
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
