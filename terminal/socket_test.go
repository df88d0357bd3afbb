package terminal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/terminal"
)

func TestWebSocketTakesItsOwnOriginAlone(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.Refusals = 1000 })
	_, have := n.session(access.ModeShell)
	for name, origin := range map[string][]string{
		"missing": nil, "foreign": {"https://evil.example"}, "null": {"null"}, "other scheme": {strings.Replace(n.url, "http", "https", 1)},
		"other port": {n.url + "1"}, "subdomain": {strings.Replace(n.url, "//", "//x.", 1)}, "two": {n.url, n.url}, "slash": {n.url + "/"},
	} {
		h := have.Clone()
		h.Del("Origin")
		for _, o := range origin {
			h.Add("Origin", o)
		}
		_, resp, err := websocket.Dial(t.Context(), n.url+"/t/ws", &websocket.DialOptions{HTTPHeader: h, Subprotocols: []string{terminal.Subprotocol}})
		if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWebSocketNeedsCookieAndSubprotocol(t *testing.T) {
	t.Parallel()
	n := setup(t)
	_, have := n.session(access.ModeLogs)
	bare, forged := http.Header{"Origin": {n.url}}, have.Clone()
	forged.Set("Cookie", strings.Split(have.Get("Cookie"), "=")[0]+"=AAAAAAAAAAAAAAAAAAAAAAAAAA")
	for name, o := range map[string]websocket.DialOptions{
		"no cookie":         {HTTPHeader: bare, Subprotocols: []string{terminal.Subprotocol}},
		"forged cookie":     {HTTPHeader: forged, Subprotocols: []string{terminal.Subprotocol}},
		"no subprotocol":    {HTTPHeader: have},
		"other subprotocol": {HTTPHeader: have, Subprotocols: []string{"chat"}},
	} {
		if _, resp, err := websocket.Dial(t.Context(), n.url+"/t/ws", &o); err == nil || resp == nil || resp.StatusCode < 400 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPostsNeedOurOriginAndJSON(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.Refusals = 1000 })
	body := `{"token":"` + n.mint(access.ModeLogs) + `"}`
	for name, c := range map[string]struct {
		header http.Header
		want   int
	}{
		"no origin":      {http.Header{"Content-Type": {"application/json"}}, http.StatusForbidden},
		"foreign origin": {http.Header{"Content-Type": {"application/json"}, "Origin": {"https://evil.example"}}, http.StatusForbidden},
		"a form":         {http.Header{"Content-Type": {"text/plain"}, "Origin": {n.url}}, http.StatusUnsupportedMediaType},
	} {
		for _, path := range []string{"/t/redeem", "/t/end"} {
			if a := n.do("POST", path, body, c.header); a.status != c.want {
				t.Errorf("%s to %s: %d", name, path, a.status)
			}
		}
	}
	if a := n.do("POST", "/t/redeem", strings.Repeat("x", 1<<20), n.fromPage()); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", a.status)
	}
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	t.Parallel()
	n := setup(t)
	for _, path := range []string{"/t", "/t/assets/none", "/t/session", "/t/ws", "/t/redeem", "/t/nowhere"} {
		h := n.do("GET", path, "", nil).header
		got := map[string]string{}
		for _, k := range []string{"Referrer-Policy", "Cache-Control", "X-Content-Type-Options", "Cross-Origin-Opener-Policy"} {
			got[k] = h.Get(k)
		}
		want := map[string]string{
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
}

func TestCookieIsKeptFromScriptsAndOtherSites(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.redeem(n.mint(access.ModeLogs)).cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || strings.HasPrefix(c.Name, "__Host-") {
		t.Errorf("on plain localhost: %+v", c)
	}
	s := setup(t, func(c *terminal.Config) { c.PublicURL = "https://snapback.example" })
	c = s.do("POST", "/t/redeem", `{"token":"`+s.mintAt("https://snapback.example")+`"}`,
		http.Header{"Origin": {"https://snapback.example"}, "Content-Type": {"application/json"}}).cookies[0]
	if c.Name != "__Host-snapback-terminal" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Domain != "" {
		t.Errorf("with https: %+v", c)
	}
}

func (n *night) mintAt(origin string) string {
	n.t.Helper()
	link, err := n.svc.Mint(n.t.Context(), n.grant(access.ModeLogs), 0)
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.TrimPrefix(link.URL, origin+"/t#")
}

func TestPlainHTTPIsForLocalhostAlone(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"http://localhost:8080": true, "http://127.0.0.1:80": true, "https://bot.example": true,
		"http://bot.example": false, "http://192.168.1.7": false, "http://localhost.evil.example": false, "bot.example": false, "ftp://x": false,
	} {
		_, err := terminal.New(terminal.Config{
			PublicURL: url, Ring: ring(t), Store: &faultyStore{}, Engine: &engine{}, Gate: &gate{}, Timeline: &timeline{},
		})
		if (err == nil) != want {
			t.Errorf("%s: %v", url, err)
		}
	}
}
