package console

import (
	"embed"
	"net/http"

	"github.com/snapback/snapback/internal/assets"
)

// The folder is filled by the front end's build. A build without it serves no page, and says so.
//
//go:embed all:web/dist
var dist embed.FS

const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page changes nothing, and is the same for everybody: it asks by itself who is signed in.
func (c *Console) page(w http.ResponseWriter, r *http.Request) error {
	b, err := c.front.Document()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	assets.Document(w, r, b)
	return nil
}
