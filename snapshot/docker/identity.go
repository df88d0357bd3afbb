package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/filters"

	"github.com/snapback/snapback/snapshot"
)

// Namer gives engines the names under which what is theirs is written down. watch.Registry does. The error wraps
// snapshot.ErrEngineAway when nobody can tell which engine it is.
type Namer interface {
	Name(ctx context.Context, in snapshot.Introduction, traces func(context.Context) (snapshot.Traces, error)) (string, error)
}

// ID is the engine's name: what all its containers' keys begin with. Without a Namer it is what the engine calls itself. It
// is found out once, and again by Introduce.
func (e *Engine) ID(ctx context.Context) (string, error) {
	if name := e.told(); name != "" {
		return name, nil
	}
	if err := ctx.Err(); err != nil { // nobody waits for what would have to be asked
		return "", fmt.Errorf("%w: %w", snapshot.ErrEngineAway, err)
	}
	if err := e.Introduce(ctx); err != nil {
		return "", err
	}
	name := e.told()
	if name == "" { // somebody else has asked since then
		return "", fmt.Errorf("%w: another engine answers for it", snapshot.ErrEngineAway)
	}
	return name, nil
}

// told is what Introduce has found out; "" while that is nothing.
func (e *Engine) told() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.strange {
		return ""
	}
	return e.name
}

// Introduction is what the engine says of itself now.
func (e *Engine) Introduction(ctx context.Context) (snapshot.Introduction, error) {
	info, err := e.cli.Info(ctx)
	if err != nil {
		return snapshot.Introduction{}, fmt.Errorf("asking for the engine's ID: %w", known(err, nil))
	}
	return snapshot.Introduction{ID: info.ID, Host: info.Name}, nil
}

// Introduce finds out which engine it is. While nobody can be asked, the name stays what it was. Where somebody answers who can't be
// told apart from another engine, it has none: what is known of the one would be done on the other.
func (e *Engine) Introduce(ctx context.Context) error {
	if err := e.Supported(ctx); errors.Is(err, ErrUnsupported) {
		return err
	}
	in, err := e.Introduction(ctx)
	if err != nil {
		return err
	}
	name := in.ID
	if e.namer != nil {
		if name, err = e.namer.Name(ctx, in, e.Traces); err != nil {
			e.doubt(ctx, in, err)
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.name != "" && e.name != name {
		e.log.ErrorContext(ctx, "another engine answers", "was", e.name, "is", name, "host", in.Host)
	}
	e.name, e.strange = name, false
	return nil
}

// doubt takes the name away when the Namer says that it can't tell who answers. That its database is away says nothing of the engine.
func (e *Engine) doubt(ctx context.Context, in snapshot.Introduction, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !errors.Is(err, snapshot.ErrEngineAway) || e.strange {
		return
	}
	if e.name != "" {
		e.log.ErrorContext(ctx, "an engine answers that can't be told apart", "was", e.name, "engine_id", in.ID, "host", in.Host, "err", err)
	}
	e.strange = true
}

// Traces are what is on the engine from before.
func (e *Engine) Traces(ctx context.Context) (snapshot.Traces, error) {
	t := snapshot.Traces{Duplicates: map[string]int{}}
	rows, err := e.rows(ctx, filters.NewArgs(filters.Arg("label", enableLabel)))
	if err != nil {
		return t, err
	}
	for _, row := range rows {
		t.Containers = append(t.Containers, row.ID)
	}
	images, err := Images(ctx, e.cli, filters.NewArgs(filters.Arg("reference", "snapback/*")))
	if err != nil {
		return t, err
	}
	for _, i := range images {
		t.Images = append(t.Images, i.ID)
	}
	kept, err := e.Duplicates(ctx)
	for _, d := range kept {
		engine, _, _ := strings.Cut(d.Key, "/")
		t.Duplicates[engine]++
	}
	return t, err
}
