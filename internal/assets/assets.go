// Package assets serves the files of a front end that is embedded in the program. Each file's name holds a hash of its
// contents, so that a browser may keep it for ever; the document that names them is never kept, and so is always of the
// program that runs. What the build has compressed is sent as it is: nothing is compressed per request but the document,
// which has a nonce.
//
// It knows no routes, and sets no headers but those of caching, type and encoding. The folder is what the build leaves:
// manifest.json (name in the sources → file), the files, and beside each the same in brotli (.br) and gzip (.gz).
package assets

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
)

// ErrNotBuilt says that the folder holds no front end; ErrUnknown, that it has no such file.
var (
	ErrNotBuilt = errors.New("the front end was not built")
	ErrUnknown  = errors.New("no such file in the front end")
)

// forever is a year, the longest that caches heed (RFC 9111 lets any number stand; browsers cut it there).
const forever = "public, max-age=31536000, immutable"

// types is what is served, by the end of its name. A file of another kind is a mistake of the build.
var types = map[string]string{
	".js":          "text/javascript; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".webmanifest": "application/manifest+json",
}

// Set is the files of one front end. It is read once, and can be used by several goroutines.
type Set struct {
	names map[string]string // in the sources → as served
	files map[string]file   // as served
}

// file is what is sent for one name. An encoding that is missing was not smaller.
type file struct {
	mediaType       string
	plain, br, gzip []byte
}

// Open reads what the build has left in dist. ErrNotBuilt where there is nothing.
func Open(dist fs.FS) (*Set, error) {
	b, err := fs.ReadFile(dist, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotBuilt
	}
	s := &Set{files: map[string]file{}}
	if err == nil {
		err = json.Unmarshal(b, &s.names)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the front end's manifest: %w", err)
	}
	for _, name := range s.names {
		if s.files[name], err = read(dist, name); err != nil {
			return nil, fmt.Errorf("reading the front end's %s: %w", name, err)
		}
	}
	return s, nil
}

func read(dist fs.FS, name string) (f file, err error) {
	var known bool
	if f.mediaType, known = types[path.Ext(name)]; !known {
		return f, errors.New("nobody has said of what type that is")
	}
	if f.plain, err = fs.ReadFile(dist, name); err != nil {
		return f, err
	}
	if f.br, err = optional(dist, name+".br"); err != nil {
		return f, err
	}
	f.gzip, err = optional(dist, name+".gz")
	return f, err
}

func optional(dist fs.FS, name string) ([]byte, error) {
	b, err := fs.ReadFile(dist, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Name is what a file of the sources is called when it is served; empty when there is none.
func (s *Set) Name(source string) string { return s.names[source] }

// Body is a file by its name in the sources, for a page that holds it inline; nil when there is none.
func (s *Set) Body(source string) []byte { return s.files[s.names[source]].plain }

// Serve answers with a file by its served name, in the smallest form that the browser takes. ErrUnknown before
// anything was written, so that the caller can answer in its own words.
func (s *Set) Serve(w http.ResponseWriter, r *http.Request, name string) error {
	f, ok := s.files[name]
	if !ok {
		return ErrUnknown
	}
	encoding, body := f.best(r.Header)
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("Cache-Control", forever)
	send(w, encoding, body)
	return nil
}

func (f file) best(h http.Header) (encoding string, body []byte) {
	takes := accepted(h)
	switch {
	case f.br != nil && takes("br"):
		return "br", f.br
	case f.gzip != nil && takes("gzip"):
		return "gzip", f.gzip
	}
	return "", f.plain
}

// Document answers with a page that is made anew for each request, and that nobody may keep. It must hold nothing that
// the request has brought: what is compressed together with a secret can tell the secret.
func Document(w http.ResponseWriter, r *http.Request, html []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	Small(w, r, html)
}

// Small answers with a body that is made for one request, under the headers that are set already. What Document says of what is compressed
// holds here too.
func Small(w http.ResponseWriter, r *http.Request, body []byte) {
	if !accepted(r.Header)("gzip") {
		send(w, "", body)
		return
	}
	send(w, "gzip", compressed(body))
}

func compressed(html []byte) []byte {
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	_, _ = z.Write(html) // a buffer takes everything
	_ = z.Close()
	return small.Bytes()
}

// Fixed is a document that is the same for everybody, and compressed once.
type Fixed struct{ plain, gzip []byte }

// Fix compresses a document.
func Fix(html []byte) Fixed { return Fixed{html, compressed(html)} }

// Serve answers as Document does.
func (f Fixed) Serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if accepted(r.Header)("gzip") {
		send(w, "gzip", f.gzip)
		return
	}
	send(w, "", f.plain)
}

func send(w http.ResponseWriter, encoding string, body []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // nobody is left to tell
}
