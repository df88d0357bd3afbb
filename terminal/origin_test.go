package terminal_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/terminal"
)

func TestOriginsAreComparedAsBrowsersSayThem(t *testing.T) {
	t.Parallel()
	for setting, origin := range map[string]string{
		"https://Bot.EXAMPLE:443/":  "https://bot.example",
		"https://bücher.example":    "https://xn--bcher-kva.example",
		"https://bot.example:08443": "https://bot.example:8443",
		"http://[::1]:8080":         "http://[::1]:8080",
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
	for _, setting := range []string{"https://bot.example/under", "http://bot.example"} {
		_, err := terminal.New(terminal.Config{
			PublicURL: setting, Ring: ring(t), Store: &faultyStore{}, Engine: &engine{}, Gate: &gate{}, Timeline: &timeline{},
		})
		if err == nil {
			t.Errorf("%s is taken", setting)
		}
	}
}
