package console_test

import (
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
)

// What a phone loads at the first visit, and what it loads again, on the wire.
func TestTheConsoleIsLight(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	v.header.Set("Accept-Encoding", "br, gzip")
	get := func(path string) (string, int) {
		resp := v.send("GET", path, nil)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		testkit.OK(t, err)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		return resp.Header.Get("Cache-Control"), len(b)
	}
	_, document := get("/")
	_, session := get("/console/session")
	_, home := get("/console/home")
	again := document + session + home
	v.header.Set("Accept-Encoding", "identity")
	resp := v.send("GET", "/", nil)
	page, err := io.ReadAll(resp.Body)
	testkit.OK(t, err)
	testkit.OK(t, resp.Body.Close())
	v.header.Set("Accept-Encoding", "br, gzip")
	first := again
	named := regexp.MustCompile(`/console/assets/[^"]+`).FindAllString(string(page), -1)
	if len(named) < 2 {
		t.Skip("the console's front end is not built: make web builds it")
	}
	for _, path := range named {
		kept, size := get(path)
		if first += size; kept != "public, max-age=31536000, immutable" {
			t.Errorf("%s may be kept as %q", path, kept)
		}
	}
	t.Logf("%d bytes at the first visit, %d at the next", first, again)
	if first > 130_000 || again > 5_000 {
		t.Errorf("%d bytes at the first visit, and %d at the next", first, again)
	}
}
