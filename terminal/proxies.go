package terminal

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/internal/webpage"
)

// proxies pass requests on without their WebSockets until they are told to. Each says who it is in a header of its answers.
var proxies = []struct {
	is        *regexp.Regexp
	name, set string
}{
	{regexp.MustCompile(`(?i)nginx|openresty`), "nginx", `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`},
	{regexp.MustCompile(`(?i)apache`), "Apache", `ProxyPass "/" "http://…:8080/" upgrade=websocket (from 2.4.47 on)`},
	{regexp.MustCompile(`(?i)cloudflare`), "Cloudflare", "Network, WebSockets: on"},
	{regexp.MustCompile(`(?i)varnish`), "Varnish", `if (req.http.upgrade ~ "(?i)websocket") { return (pipe); }`},
}

// WireError says that ordinary requests reach the bot and WebSockets don't. Says is what lies between says of itself.
type WireError struct{ Says string }

func (e *WireError) Error() string {
	for _, p := range proxies {
		if p.is.MatchString(e.Says) {
			return p.name + " before Snapback does not let WebSockets through, so no log goes on here and there is no shell. Set there: " + p.set
		}
	}
	return "The proxy before Snapback does not let WebSockets through, so no log goes on here and there is no shell. It has to pass on the headers Upgrade and Connection for /t/ws."
}

// says is what a proxy says of itself in an answer that it has passed on. The bot says nothing of itself.
func says(h http.Header) string {
	return strings.Join(append(h.Values("Server"), h.Values("Via")...), " ")
}

// upgradeDropped says that a browser asked for a WebSocket and something between has made an ordinary request of it.
func upgradeDropped(r *http.Request) bool {
	return r.Header.Get("Sec-WebSocket-Key") != "" && !strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// tryProtocol is spoken to whoever only wants to know whether a WebSocket comes through.
const tryProtocol = "snapback.try.v1"

// through is all that is said in it.
const through = "through"

// tryout takes a WebSocket from anybody and closes it at once. Of one source there are so many a minute, as of refusals.
func (s *Service) tryout(w http.ResponseWriter, r *http.Request) error {
	if s.tooMany(r) {
		return webpage.ErrSlowDown
	}
	if upgradeDropped(r) {
		w.Header().Set("Upgrade", "websocket") // goes with 426
		return errUpgrade
	}
	if !offers(r, tryProtocol) {
		return webpage.ErrMalformed
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{tryProtocol}})
	if err != nil {
		return nil // the library has answered
	}
	ctx, cancel := context.WithTimeout(r.Context(), writeTime)
	defer cancel()
	_ = conn.Write(ctx, websocket.MessageText, []byte(through))
	return conn.CloseNow() // a stranger's farewell is not waited for: it may have no end
}

// TryWire opens a WebSocket to a bot by its public URL, as phones do. A *WireError when the bot can be asked and a WebSocket does not
// come through; another error when it can't be asked from here.
func TryWire(ctx context.Context, publicURL string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, strings.TrimRight(publicURL, "/")+"/t/try", &websocket.DialOptions{Subprotocols: []string{tryProtocol}})
	if err != nil {
		return whyNot(ctx, publicURL, resp, err)
	}
	defer func() { _ = conn.CloseNow() }()
	if _, p, err := conn.Read(ctx); err != nil || string(p) != through {
		return fmt.Errorf("a WebSocket to %s was taken and said nothing: %w", publicURL, err)
	}
	return nil
}

// whyNot asks the bot by an ordinary request whether it can be reached at all.
func whyNot(ctx context.Context, publicURL string, refused *http.Response, err error) error {
	plain, reqErr := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(publicURL, "/")+"/t/session", nil)
	if reqErr != nil {
		return reqErr
	}
	resp, plainErr := http.DefaultClient.Do(plain)
	if plainErr != nil {
		return fmt.Errorf("%s can't be reached from here: %w", publicURL, plainErr)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusUnauthorized { // which is what the bot answers to whoever has no session
		return fmt.Errorf("no bot answers at %s: GET /t/session is answered with %s", publicURL, resp.Status)
	}
	if refused == nil || refused.StatusCode != http.StatusUpgradeRequired && refused.Header.Get("Content-Type") == "application/problem+json" {
		return fmt.Errorf("a WebSocket to %s: %w", publicURL, err) // by the bot itself, as when it is asked too often
	}
	return &WireError{Says: says(resp.Header)}
}
