package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

// emptyEngine answers as an engine without containers does.
func emptyEngine(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		answer := any([]string{})
		switch {
		case strings.HasSuffix(r.URL.Path, "/version"):
			answer = map[string]any{"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}
		case strings.HasSuffix(r.URL.Path, "/info"):
			answer = map[string]any{"ID": "whoever", "Name": "host"}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return "tcp://" + server.Listener.Addr().String()
}

// namer says what it is told to.
type namer struct {
	name string
	err  error
}

func (n *namer) Name(context.Context, snapshot.Introduction, func(context.Context) (snapshot.Traces, error)) (string, error) {
	return n.name, n.err
}

// TestNameIsNotKeptForAnotherEngine is about an address that leads to another machine from now on.
func TestNameIsNotKeptForAnotherEngine(t *testing.T) {
	t.Parallel()
	n := &namer{name: "A"}
	engine, err := docker.New(t.Context(), docker.Config{Host: emptyEngine(t), Namer: n})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	unsure := func(why error) error { return fmt.Errorf("%w: %w", snapshot.ErrEngineAway, why) }
	for _, step := range []struct {
		what string
		says namer
		want string
	}{
		{"it was named", namer{name: "A"}, "A"},
		{"the database is away", namer{err: store.ErrAway}, "A"},
		{"another link has it", namer{err: unsure(watch.ErrSameEngine)}, ""},
		{"the database is away after that", namer{err: store.ErrAway}, ""},
		{"the right one answers again", namer{name: "A"}, "A"},
		{"a copy answers", namer{err: unsure(watch.ErrEngineTwice)}, ""},
		{"it is named anew", namer{name: "B"}, "B"},
	} {
		*n = step.says
		_ = engine.Introduce(t.Context())
		got, err := engine.ID(t.Context())
		if got != step.want || (err == nil) != (step.want != "") {
			t.Errorf("%s: it is called %q, %v, want %q", step.what, got, err, step.want)
		}
		if _, err := engine.List(t.Context()); (err == nil) != (step.want != "") {
			t.Errorf("%s: listing: %v", step.what, err)
		}
	}
	*n = namer{err: unsure(watch.ErrSameEngine)}
	_ = engine.Introduce(t.Context())
	if _, err := engine.ID(t.Context()); !errors.Is(err, snapshot.ErrEngineAway) {
		t.Errorf("nobody can tell who it is, and it says %v", err)
	}
}
