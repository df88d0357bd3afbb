package terminal

import (
	"bytes"
	"crypto/rand"
	"embed"
	"io/fs"
	"net/http"
)

// The folder is filled by the front end's build. A build without it serves no page, and says so.
//
//go:embed all:web/dist
var dist embed.FS

// assetTypes is every file that is served, and as what.
var assetTypes = map[string]string{
	"app.js":   "text/javascript; charset=utf-8",
	"app.css":  "text/css; charset=utf-8",
	"icon.svg": "image/svg+xml",
}

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
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(bytes.ReplaceAll(b, []byte(noncePlace), []byte(nonce)))
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

func (s *Service) asset(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	mediaType, ok := assetTypes[name]
	if !ok {
		return errNotFound
	}
	b, err := fs.ReadFile(dist, "web/dist/"+name)
	if err != nil {
		return errNoPage
	}
	w.Header().Set("Content-Type", mediaType)
	_, _ = w.Write(b)
	return nil
}
