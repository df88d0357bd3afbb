package terminal

import (
	"bytes"
	"crypto/rand"
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

// noncePlace is replaced in the page by a value that is new in every response.
const noncePlace = "{{nonce}}"

// page changes nothing, whoever asks: link previews, prefetching, HEAD.
func (s *Service) page(w http.ResponseWriter, r *http.Request) error {
	b, err := fs.ReadFile(dist, "web/dist/index.html")
	if err != nil {
		return errNoPage
	}
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", s.pagePolicy(nonce))
	assets.Document(w, r, bytes.ReplaceAll(b, []byte(noncePlace), []byte(nonce)))
	return nil
}

// pagePolicy: the terminal emulator makes style elements, which get the nonce, and sets style attributes for colours
// out of the palette, for which there is no narrower permission than 'unsafe-inline' on attributes alone.
func (s *Service) pagePolicy(nonce string) string {
	ws := "wss://" + s.host
	if !s.secure {
		ws = "ws://" + s.host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; style-src-elem 'self' 'nonce-" + nonce + "'; " +
		"style-src-attr 'unsafe-inline'; img-src 'self'; connect-src 'self' " + ws + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// asset serves what the document names. The names hold hashes, so that these alone may be kept by browsers.
func (s *Service) asset(w http.ResponseWriter, r *http.Request) error {
	if s.front == nil {
		return errNoPage
	}
	if err := s.front.Serve(w, r, r.PathValue("name")); err != nil {
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
