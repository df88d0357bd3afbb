package terminal

import (
	"bytes"
	"crypto/rand"
	"embed"
	"net/http"
	"strings"

	"github.com/snapback/snapback/internal/assets"
)

// The folder is filled by the front end's build. A build without it serves no page, and says so.
//
//go:embed all:web/dist
var dist embed.FS

// noncePlace is replaced in the page by a value that is new in every response.
const noncePlace = "{{nonce}}"

// document changes nothing, whoever asks: link previews, prefetching, HEAD. For whoever has a session it holds what the page begins with.
func (s *Service) document(w http.ResponseWriter, r *http.Request) error {
	b, err := s.front.Document()
	if err != nil {
		return err
	}
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", s.pagePolicy(nonce))
	b = bytes.ReplaceAll(b, []byte(noncePlace), []byte(nonce))
	assets.Document(w, r, bytes.Replace(b, []byte(firstPlace), s.begin(r), 1))
	return nil
}

// pagePolicy: the terminal emulator makes style elements, which get the nonce, and sets style attributes for colours
// out of the palette, for which there is no narrower permission than 'unsafe-inline' on attributes alone.
func (s *Service) pagePolicy(nonce string) string {
	ws := "ws" + strings.TrimPrefix(s.page.Origin, "http")
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; style-src-elem 'self' 'nonce-" + nonce + "'; " +
		"style-src-attr 'unsafe-inline'; img-src 'self'; connect-src 'self' " + ws + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
