package assets_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/snapback/snapback/internal/assets"
)

var built = fstest.MapFS{
	"manifest.json":        {Data: []byte(`{"app.js":"app-1A2B3C4D.js","icon.svg":"icon-5E6F7A8B.svg"}`)},
	"app-1A2B3C4D.js":      {Data: []byte("plain")},
	"app-1A2B3C4D.js.br":   {Data: []byte("as brotli")},
	"app-1A2B3C4D.js.gz":   {Data: []byte("as gzip")},
	"icon-5E6F7A8B.svg":    {Data: []byte("<svg/>")},
	"icon-5E6F7A8B.svg.gz": {Data: []byte("as gzip")},
	"index.html":           {Data: []byte("the document")},
}

func open(t *testing.T) *assets.Set {
	t.Helper()
	s, err := assets.Open(built)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheSmallestFormThatTheBrowserTakesIsSent(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, c := range []struct{ name, accept, encoding, body string }{
		{"app.js", "gzip, deflate, br, zstd", "br", "as brotli"},
		{"app.js", "gzip, deflate", "gzip", "as gzip"},
		{"app.js", "GZIP", "gzip", "as gzip"},
		{"app.js", "br;q=0, gzip;q=0.5", "gzip", "as gzip"},
		{"app.js", "br; q=0.1", "br", "as brotli"},
		{"app.js", "*", "br", "as brotli"},
		{"app.js", "*, br;q=0", "gzip", "as gzip"},
		{"app.js", "*;q=0", "", "plain"},
		{"app.js", "br;q=yes", "", "plain"},
		{"app.js", "br;x=1", "", "plain"},
		{"app.js", "identity", "", "plain"},
		{"app.js", "", "", "plain"},
		{"icon.svg", "br", "", "<svg/>"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", c.accept)
		w := httptest.NewRecorder()
		if err := s.Serve(w, r, s.Name(c.name)); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Content-Encoding"); got != c.encoding || w.Body.String() != c.body {
			t.Errorf("%s for %q: %q as %q, want %q as %q", c.name, c.accept, w.Body, got, c.body, c.encoding)
		}
		if got := w.Header().Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("%s for %q varies by %q", c.name, c.accept, got)
		}
	}
}

func TestFilesAreKeptForEverAndTheDocumentNever(t *testing.T) {
	t.Parallel()
	s := open(t)
	w := httptest.NewRecorder()
	if err := s.Serve(w, httptest.NewRequest("GET", "/", nil), s.Name("app.js")); err != nil {
		t.Fatal(err)
	}
	want(t, w.Header(), "Cache-Control", "public, max-age=31536000, immutable")
	want(t, w.Header(), "Content-Type", "text/javascript; charset=utf-8")
	want(t, w.Header(), "Content-Length", "5")
	w = httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Encoding", "gzip, br")
	assets.Document(w, r, []byte(strings.Repeat("a page ", 100)))
	want(t, w.Header(), "Cache-Control", "no-store")
	want(t, w.Header(), "Content-Encoding", "gzip")
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || string(b) != strings.Repeat("a page ", 100) {
		t.Errorf("the document reads %q: %v", b, err)
	}
}

func want(t *testing.T, h http.Header, name, value string) {
	t.Helper()
	if got := h.Get(name); got != value {
		t.Errorf("%s is %q, want %q", name, got, value)
	}
}

// TestOnlyWhatTheManifestNamesIsServed: neither the document, nor the sources' names, nor the compressed files by their own.
func TestOnlyWhatTheManifestNamesIsServed(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, name := range []string{"", "app.js", "app-1A2B3C4D.js.br", "index.html", "manifest.json", "../assets.go"} {
		w := httptest.NewRecorder()
		if err := s.Serve(w, httptest.NewRequest("GET", "/", nil), name); !errors.Is(err, assets.ErrUnknown) || w.Body.Len() > 0 {
			t.Errorf("%q is served: %v", name, err)
		}
	}
}

func TestAFrontEndThatIsMissingOrBrokenIsSaid(t *testing.T) {
	t.Parallel()
	if _, err := assets.Open(fstest.MapFS{".keep": {}}); !errors.Is(err, assets.ErrNotBuilt) {
		t.Errorf("without a build: %v", err)
	}
	for name, dist := range map[string]fstest.MapFS{
		"a manifest that is none": {"manifest.json": {Data: []byte("[")}},
		"a file that is missing":  {"manifest.json": {Data: []byte(`{"a.js":"a-1.js"}`)}},
		"a type that is unknown":  {"manifest.json": {Data: []byte(`{"a.exe":"a-1.exe"}`)}, "a-1.exe": {}},
	} {
		if _, err := assets.Open(dist); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}

// kept keeps what it was given to write, and no copy.
type kept struct {
	*httptest.ResponseRecorder
	body []byte
}

func (k *kept) Write(p []byte) (int, error) { k.body = p; return len(p), nil }

// TestAFixedDocumentIsCompressedOnce: anybody may ask for it, as often as they like.
func TestAFixedDocumentIsCompressedOnce(t *testing.T) {
	t.Parallel()
	html := bytes.Repeat([]byte("<p>the same for everybody</p>"), 1000)
	page := assets.Fix(html)
	ask := func(encoding string) *kept {
		w, r := &kept{ResponseRecorder: httptest.NewRecorder()}, httptest.NewRequest("GET", "/docs", nil)
		r.Header.Set("Accept-Encoding", encoding)
		page.Serve(w, r)
		return w
	}
	first, second := ask("gzip"), ask("gzip")
	if &first.body[0] != &second.body[0] {
		t.Error("it was compressed twice")
	}
	z, err := gzip.NewReader(bytes.NewReader(first.body))
	if err != nil || first.Header().Get("Content-Encoding") != "gzip" {
		t.Fatal(err, first.Header())
	}
	if text, err := io.ReadAll(z); err != nil || !bytes.Equal(text, html) {
		t.Errorf("%v: %d bytes", err, len(text))
	}
	if plain := ask(""); !bytes.Equal(plain.body, html) || plain.Header().Get("Content-Encoding") != "" {
		t.Errorf("without compression: %d bytes, %v", len(plain.body), plain.Header())
	}
}
