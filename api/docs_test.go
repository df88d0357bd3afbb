package api

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestDocsShowEverythingAndNeedNothing(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	New(Config{}, Deps{}).Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/docs", nil))
	page := rec.Body.String()
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %s: %s", rec.Code, rec.Header().Get("Content-Type"), page)
	}
	for _, want := range shownInDocs(t) {
		if !strings.Contains(page, want) {
			t.Errorf("it does not show %s", want)
		}
	}
	if strings.Contains(page, "client_gone") {
		t.Error("it shows a code that nobody is there to read")
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if to, within := strings.CutPrefix(link[1], "#"); within && strings.Count(page, ` id="`+to+`"`) != 1 || !within && link[1] != "/openapi.json" {
			t.Errorf("it links to %s", link[1])
		}
	}
	if foreign := regexp.MustCompile(`(?i)<script|<img|<link| src=| style=| on\w+=|url\(|@import`).FindString(page); foreign != "" {
		t.Errorf("it holds %q", foreign)
	}
}

// shownInDocs is HTML that has to be on the page: every call, shape, and code.
func shownInDocs(t *testing.T) (want []string) {
	t.Helper()
	for _, rt := range New(Config{}, Deps{}).routes() {
		want = append(want, ">"+rt.method+"</b> <code>"+html.EscapeString(rt.pattern)+"</code>")
	}
	for name, s := range description(t).Components.Schemas {
		want = append(want, `<h3>`+name+`</h3>`)
		for field := range s.Properties {
			want = append(want, `<dt><code>`+field+`</code> <span class="dim">`)
		}
	}
	for _, row := range allRefusals() {
		if row.Status != statusClientGone {
			want = append(want, "<dt><code>"+row.Code+"</code></dt>", http.StatusText(row.Status))
		}
	}
	return want
}

// TestDocsAllowTheirOwnStyleAlone: a browser shows the page bare when the hash is not that of what stands in it.
func TestDocsAllowTheirOwnStyleAlone(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	New(Config{}, Deps{}).Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/docs", nil))
	_, rest, _ := strings.Cut(rec.Body.String(), "<style>")
	style, _, found := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
	if got := rec.Header().Get("Content-Security-Policy"); !found || got != want {
		t.Errorf("the policy is %s, want %s", got, want)
	}
}
