package console

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/snapback/snapback/internal/assets"
)

// The folder is filled by the front end's build. A build without it serves no page, and says so.
//
//go:embed all:web/dist
var dist embed.FS

const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page changes nothing, and is the same for everybody: it asks by itself who is signed in.
func (c *Console) page(w http.ResponseWriter, r *http.Request) error {
	b, err := fs.ReadFile(dist, "web/dist/index.html")
	if err != nil {
		return errNoPage
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	assets.Document(w, r, b)
	return nil
}

// asset serves what the document names. The names hold hashes, so that these alone may be kept by browsers.
func (c *Console) asset(w http.ResponseWriter, r *http.Request) error {
	if c.front == nil {
		return errNoPage
	}
	if err := c.front.Serve(w, r, r.PathValue("name")); err != nil {
		return fmt.Errorf("%w: %w", errNotFound, err)
	}
	return nil
}

// frontEnd is nil in a build without one, which goes on without its page.
func frontEnd() (*assets.Set, error) {
	folder, err := fs.Sub(dist, "web/dist")
	if err != nil {
		return nil, err
	}
	set, err := assets.Open(folder)
	if errors.Is(err, assets.ErrNotBuilt) {
		return nil, nil
	}
	return set, err
}
