package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/terminal"
)

var terminalLink = regexp.MustCompile(`http://localhost:8080/t#([A-Za-z0-9._~-]+)`)

// linkToken is what the fragment of the link in a message holds.
func linkToken(t *testing.T, m slackfake.Message) string {
	t.Helper()
	found := terminalLink.FindStringSubmatch(m.String())
	if found == nil {
		t.Fatalf("no link in %s", m)
	}
	return found[1]
}

// openTerminal does what the page does with a link, and waits for a line of the log. The link opens once.
func (n *night) openTerminal(token, want string) {
	n.t.Helper()
	fromPage := http.Header{"Origin": {n.env["SNAPBACK_PUBLIC_URL"]}}
	body := fmt.Sprintf(`{"token":%q}`, token)
	status, view, cookie := n.postRedeem(body, fromPage)
	if status != http.StatusOK {
		n.t.Fatalf("redeeming the link: %d %v", status, view)
	}
	fromPage.Set("Cookie", cookie)
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	url := strings.Replace(n.bot.url, "http://", "ws://", 1) + "/t/ws"
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: fromPage, Subprotocols: []string{terminal.Subprotocol}})
	if err != nil {
		n.t.Fatalf("opening the terminal: %v", err)
	}
	defer func() { _ = conn.CloseNow() }()
	if err := conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"type":"hello","session":%q}`, view["id"])); err != nil {
		n.t.Fatal(err)
	}
	for said := ""; !strings.Contains(said, want); {
		_, p, err := conn.Read(ctx)
		if err != nil {
			n.t.Fatalf("the terminal does not show %q: %v; it said %s", want, err, said)
		}
		said += string(p)
	}
	if status, answer, _ := n.postRedeem(body, fromPage); status != http.StatusGone {
		n.t.Errorf("the link a second time: %d %v", status, answer)
	}
}

func (n *night) postRedeem(body string, header http.Header) (status int, answer map[string]any, cookie string) {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, n.bot.url+"/t/redeem", strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header = header.Clone()
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		n.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		cookie = c.Name + "=" + c.Value
	}
	return resp.StatusCode, answer, cookie
}
