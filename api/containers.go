package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot"
)

func (a *API) listContainers(w http.ResponseWriter, r *http.Request) error {
	p, err := pageOf(r, "containers")
	if err != nil {
		return err
	}
	all, err := a.containers(r.Context())
	if err != nil {
		return err
	}
	list, next := cut(p, all, byAge)
	return respond(w, http.StatusOK, wire.Containers{Containers: shapeAll(list, a.shapeContainer), NextCursor: next})
}

// listServices lists those of Swarms, which are among the containers as well.
func (a *API) listServices(w http.ResponseWriter, r *http.Request) error {
	p, err := pageOf(r, "services")
	if err != nil {
		return err
	}
	all, err := a.containers(r.Context())
	if err != nil {
		return err
	}
	list, next := cut(p, choose(all, func(c snapshot.Container) bool { return c.Tasks != nil }), byAge)
	return respond(w, http.StatusOK, wire.Services{Services: shapeAll(list, a.shapeContainer), NextCursor: next})
}

func byAge(c snapshot.Container) position { return position{at: micros(c.CreatedAt), id: c.ID} }

func (a *API) getContainer(w http.ResponseWriter, r *http.Request) error {
	c, err := a.anyContainer(r)
	if err != nil {
		return err
	}
	tag(w, c)
	return respond(w, http.StatusOK, a.shapeContainer(c))
}

// containers never has those that a restore has set aside: they are evidence.
func (a *API) containers(ctx context.Context) ([]snapshot.Container, error) {
	all, err := a.deps.Containers.Containers(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	return choose(all, func(c snapshot.Container) bool { return !snapshot.OurName(c.Name) }), nil
}

// container is the one that the request's path names. It returns errOtherBot for one that another bot looks after.
func (a *API) container(r *http.Request) (snapshot.Container, error) {
	c, err := a.anyContainer(r)
	if err == nil {
		err = here(c)
	}
	return c, err
}

// here returns errOtherBot for a container with which this bot can do nothing.
func here(c snapshot.Container) error {
	if !c.Elsewhere {
		return nil
	}
	const whom = "Another bot looks after %s, on the engine %s: ask that one. Its snapshots, restores, deploys and errors are answered here as well."
	return &refusal{err: errOtherBot, detail: fmt.Sprintf(whom, c.Name, c.Engine)}
}

// anyContainer is the one that the request's path names, of another bot's when this one has none that answers to that.
func (a *API) anyContainer(r *http.Request) (snapshot.Container, error) {
	all, err := a.containers(r.Context())
	if err != nil {
		return snapshot.Container{}, err
	}
	c, unknown := Resolve(all, r.PathValue("id"))
	if !errors.Is(unknown, snapshot.ErrUnknownContainer) {
		return c, unknown
	}
	if all, err = a.deps.Containers.List(r.Context()); err != nil {
		return c, fmt.Errorf("listing containers: %w", err)
	}
	return othersOr(unknown, all, r.PathValue("id"))
}

// othersOr is the container of another bot that answers to id. When none does, it returns unknown, which lists this bot's.
func othersOr(unknown error, all []snapshot.Container, id string) (snapshot.Container, error) {
	others := choose(all, func(c snapshot.Container) bool { return c.Elsewhere && !snapshot.OurName(c.Name) })
	c, err := Resolve(others, id)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		err = unknown
	}
	return c, err
}

// tag names the container that the answer is about, for If-Match. It is no validator of the answer's body, and nothing
// is cached by it: answers are no-store.
func tag(w http.ResponseWriter, c snapshot.Container) {
	if c.ID != "" {
		w.Header().Set("ETag", `"`+c.ID+`"`)
	}
}

// seen is the container ID in If-Match, or "": any will do. Of several, it is the one that runs now, if that is among
// them. A weak tag says nothing of identity, and a short ID is taken bare, as people write it.
func seen(r *http.Request, c snapshot.Container) (string, error) {
	header := strings.Join(r.Header.Values("If-Match"), ",")
	if strings.TrimSpace(header) == "" || strings.TrimSpace(header) == "*" {
		return "", nil
	}
	first := ""
	for tag := range strings.SplitSeq(header, ",") {
		id := strings.Trim(strings.TrimSpace(tag), `"`)
		if len(id) < 12 || len(id) > 64 || strings.Trim(id, "0123456789abcdef") != "" {
			return "", malformed(`If-Match is the container's ID in quotes, as ETag gives it, or at least its first 12 digits.`)
		}
		if snapshot.SameOrShort(c.ID, id) {
			return id, nil
		}
		first = id
	}
	return first, nil
}
