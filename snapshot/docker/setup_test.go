package docker_test

import (
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/recovery"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
)

// An Engine is what all rooms ask for.
var _ interface {
	capture.Engine
	capture.VolumeEngine
	watch.Engine
	restore.ContainerEngine
	restore.LeftoverEngine
	recovery.Engine
} = (*docker.Engine)(nil)

// setup is a scope with a container that serves, and its ID.
func setup(t *testing.T, flags ...string) (s *enginetest.Scope, name, id string) {
	t.Helper()
	s = enginetest.New(t)
	name = s.Name("api")
	id = s.Run(name, append(flags, s.Image("good", `ENTRYPOINT ["/app"]`))...)
	return s, name, id
}
