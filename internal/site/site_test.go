package site_test

import (
	"testing"

	"github.com/snapback/snapback/internal/site"
)

// TestThePublicURLIsReadAsBrowsersWriteIt: what Chromium makes of each address was looked up with new URL(…).origin.
func TestThePublicURLIsReadAsBrowsersWriteIt(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]site.Site{
		"https://bot.example:443/":      {Origin: "https://bot.example", Host: "bot.example", Secure: true},
		"https://Bot.EXAMPLE":           {Origin: "https://bot.example", Host: "bot.example", Secure: true},
		"HTTPS://bot.example":           {Origin: "https://bot.example", Host: "bot.example", Secure: true},
		"https://bot.example:08443":     {Origin: "https://bot.example:8443", Host: "bot.example", Secure: true},
		"https://bot.example:80":        {Origin: "https://bot.example:80", Host: "bot.example", Secure: true},
		"https://BÜCHER.example:443":    {Origin: "https://xn--bcher-kva.example", Host: "xn--bcher-kva.example", Secure: true},
		"https://faß.example":           {Origin: "https://xn--fa-hia.example", Host: "xn--fa-hia.example", Secure: true},
		"https://my_bot.example":        {Origin: "https://my_bot.example", Host: "my_bot.example", Secure: true},
		"https://[2001:DB8:0::1]:443":   {Origin: "https://[2001:db8::1]", Host: "2001:db8::1", Secure: true},
		"http://LOCALHOST:80":           {Origin: "http://localhost", Host: "localhost"},
		"http://[::1]:8080":             {Origin: "http://[::1]:8080", Host: "::1"},
		"http://snapback.example.com:1": {Origin: "http://snapback.example.com:1", Host: "snapback.example.com"},
	} {
		if got, err := site.Parse(public); got != want || err != nil {
			t.Errorf("%s: %+v, %v", public, got, err)
		}
	}
}

func TestAddressesThatCanBeNoBaseOfALinkAreRefused(t *testing.T) {
	t.Parallel()
	for _, public := range []string{
		"", "bot.example", "ftp://x", "https://", "https://x/path", "https://x?q=1", "https://x/?", "https://x#f", "https://x/#", "https://u:p@x",
		"https://a b", "https://xn--a.example",
	} {
		if got, err := site.Parse(public); err == nil {
			t.Errorf("%q is taken as %+v", public, got)
		}
	}
}
