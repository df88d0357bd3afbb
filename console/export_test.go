package console_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
)

func TestAPostMortemIsSavedInEveryForm(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	id := h.incident("PSHOP")
	for form, holds := range map[string]string{"md": "# Post-mortem", "html": "<!doctype html>", "json": `"entries"`, "cdevents": "incident", "zip": "PK"} {
		resp := v.send("GET", fmt.Sprintf("/console/export?incident=%d&format=%s", id, form), nil)
		b, err := io.ReadAll(resp.Body)
		testkit.OK(t, errors.Join(err, resp.Body.Close()))
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(b), holds) {
			t.Errorf("%s: %d %.200s", form, resp.StatusCode, b)
		}
		if resp.ContentLength != int64(len(b)) || len(b) == 0 {
			t.Errorf("%s: %d bytes were promised, and %d came", form, resp.ContentLength, len(b))
		}
		if !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment") || strings.Contains(resp.Header.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s is opened and not saved: %v", form, resp.Header)
		}
		if form == "zip" {
			if _, err := zip.NewReader(bytes.NewReader(b), int64(len(b))); err != nil {
				t.Errorf("the zip: %v", err)
			}
		}
	}
	if _, code, _ := v.ask("GET", fmt.Sprintf("/console/export?incident=%d&format=pdf", id), nil); code != "unknown_format" {
		t.Errorf("a form that there is not: %s", code)
	}
}

func TestAPostMortemThatIsReadCanDoNothing(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	resp := v.send("GET", fmt.Sprintf("/console/export?incident=%d&read", h.incident("PSHOP")), nil)
	defer resp.Body.Close()
	policy := resp.Header.Get("Content-Security-Policy")
	for _, want := range []string{"sandbox ", "default-src 'none'", "frame-ancestors 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("its policy lacks %q: %s", want, policy)
		}
	}
	for _, no := range []string{"allow-scripts", "allow-same-origin", "allow-forms", "script-src"} {
		if strings.Contains(policy, no) {
			t.Errorf("its policy has %q: %s", no, policy)
		}
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "inline") {
		t.Errorf("it is no page: %v", resp.Header)
	}
}

func TestAPostMortemIsForWhoMaySeeItsIncident(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.visitor(), h.visitor()
	ann.register(h.link("U0ANN"))
	bob.register(h.link("U0BOB"))
	id := h.incident("PSHOP")
	for _, more := range []string{"&format=md", "&format=zip", "&read"} {
		path := fmt.Sprintf("/console/export?incident=%d%s", id, more)
		for _, method := range []string{"GET", "HEAD"} {
			if status, _, answer := bob.ask(method, path, nil); status != http.StatusNotFound || strings.Contains(answer, "High error rate") {
				t.Errorf("Bob, %s %s: %d %s", method, more, status, answer)
			}
		}
		if status, _, _ := h.visitor().ask("GET", path, nil); status != http.StatusUnauthorized {
			t.Errorf("a stranger, %s: %d", more, status)
		}
		ann.header.Set("Sec-Fetch-Site", "cross-site")
		if status, _, _ := ann.ask("GET", path, nil); status != http.StatusForbidden {
			t.Errorf("Ann, from another site, %s: %d", more, status)
		}
		ann.header.Set("Sec-Fetch-Site", "same-origin")
	}
	if status, _, _ := ann.ask("GET", "/console/export?incident=999", nil); status != http.StatusNotFound {
		t.Errorf("of none: %d", status)
	}
	if status, _, _ := ann.ask("GET", fmt.Sprintf("/console/export?incident=%d", id), nil); status != http.StatusOK {
		t.Errorf("Ann: %d", status)
	}
}
