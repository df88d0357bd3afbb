package docker_test

import (
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
)

// setup is a scope with a container that serves, and its ID.
func setup(t *testing.T, flags ...string) (s *enginetest.Scope, name, id string) {
	t.Helper()
	s = enginetest.New(t)
	name = s.Name("api")
	id = s.Run(name, append(flags, s.Image("good", `ENTRYPOINT ["/app"]`))...)
	return s, name, id
}
