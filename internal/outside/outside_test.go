package outside_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/snapback/snapback/internal/outside"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Errors\non\tshop ":          "Errors on shop",
		"\x1b[31mred\x00":            "[31mred",
		"a\u202egnp.exe\u200b\ufeff": "agnp.exe",
		"👩\u200d🚒 می\u200cروم":       "👩\u200d🚒 می\u200cروم",
		"\xff":                       "\uFFFD",
	} {
		if got := outside.Line(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"äöü": "äöü", "äöüß": "äö…", "": ""} {
		if got := outside.Clip(in, 3); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://acme.pagerduty.com/incidents/P1": "https://acme.pagerduty.com/incidents/P1",
		"http://10.0.0.1:8080/x?y=1":              "http://10.0.0.1:8080/x?y=1",
		"https://ann:secret@example.com":          "",
		"javascript:alert(1)":                     "",
		"javascript://example.com/%0aalert(1)":    "",
		"/incidents/P1":                           "",
		"https://":                                "",
		"":                                        "",
	} {
		if got := outside.URL(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\u202e\x00b\r\nc")
	f.Fuzz(func(t *testing.T, s string) {
		got := outside.Line(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) || outside.Line(got) != got {
			t.Errorf("%q became %q", s, got)
		}
	})
}
