package terminal_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/terminal"
)

// TestOriginsAreComparedAsBrowsersSayThem: what Chromium sends for each address was looked up with new URL(…).origin.
func TestOriginsAreComparedAsBrowsersSayThem(t *testing.T) {
	t.Parallel()
	for setting, origin := range map[string]string{
		"https://bot.example:443/":   "https://bot.example",
		"https://Bot.EXAMPLE":        "https://bot.example",
		"HTTPS://bot.example":        "https://bot.example",
		"https://bot.example:08443":  "https://bot.example:8443",
		"https://bot.example:80":     "https://bot.example:80",
		"https://bücher.example":     "https://xn--bcher-kva.example",
		"https://BÜCHER.example:443": "https://xn--bcher-kva.example",
		"https://faß.example":        "https://xn--fa-hia.example",
		"https://my_bot.example":     "https://my_bot.example",
		"https://[2001:DB8:0::1]":    "https://[2001:db8::1]",
		"http://LOCALHOST:80":        "http://localhost",
		"http://[::1]:8080":          "http://[::1]:8080",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			n := setup(t, func(c *terminal.Config) { c.PublicURL = setting })
			link, err := n.svc.Mint(t.Context(), n.grant(access.ModeLogs), 0)
			if err != nil {
				t.Fatal(err)
			}
			base, token, _ := strings.Cut(link.URL, "/t#")
			if base != origin {
				t.Errorf("links begin with %s, want %s", base, origin)
			}
			a := n.do("POST", "/t/redeem", fmt.Sprintf(`{"token":%q}`, token), http.Header{"Origin": {origin}, "Content-Type": {"application/json"}})
			if a.status != http.StatusOK {
				t.Errorf("from %s: %d %s", origin, a.status, a.detail)
			}
		})
	}
}

func TestAddressesThatCanBeNoBaseOfALinkAreRefused(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		"https://bot.example?x=1", "https://bot.example/?", "https://bot.example#x", "https://bot.example/#", "https://bot.example/under",
		"https://me@bot.example", "https://", "https://xn--a.example", "http://bot.example", "bot.example",
	} {
		_, err := terminal.New(terminal.Config{
			PublicURL: setting, Ring: ring(t), Store: &faultyStore{}, Engine: &engine{}, Gate: &gate{}, Timeline: &timeline{},
		})
		if err == nil {
			t.Errorf("%s is taken", setting)
		}
	}
}
