package enginetest

import (
	"net/http/httptest"
	"strings"

	"github.com/snapback/snapback/internal/registryfake"
)

// Registry starts a registry on this machine, whose engine needs no TLS for it, and returns what names of images in it
// begin with.
func (s *Scope) Registry() string {
	s.t.Helper()
	srv := httptest.NewServer(registryfake.New())
	s.t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://") + "/"
}
