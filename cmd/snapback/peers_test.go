package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// links makes links to the logs of a container of the second bot's, and returns their tokens.
func (t *teams) links(shop string, number int) (tokens []string) {
	t.t.Helper()
	t.service.Trigger("High error rate on shop")
	t.channel.ExpectMessage(t.t, "High error rate on shop")
	_, answer := t.second.call("GET", "/incidents", "")
	list, _ := answer["incidents"].([]any)
	if len(list) != 1 {
		t.t.Fatalf("the incidents are %v", answer)
	}
	for range number {
		status, link := t.second.call("POST", fmt.Sprintf("/incidents/%v/terminal-links", list[0].(map[string]any)["id"]), `{"container":"`+shop+`"}`)
		url, _ := link["url"].(string)
		_, token, found := strings.Cut(url, "#")
		if status != http.StatusCreated || !found {
			t.t.Fatalf("a link: %d %v", status, link)
		}
		tokens = append(tokens, token)
	}
	return tokens
}

// sessionAt asks the bot that the browser comes to for its session.
func (n *night) sessionAt(cookie string) (int, map[string]any) {
	n.t.Helper()
	return n.call("GET", "/t/session", "", "Cookie", cookie)
}

func TestTerminalAtABotThatDoesNotReachItsContainerIsPassedOn(t *testing.T) {
	n := newNight(t)
	b := sharing(n)
	team := func(name string) string { return "team=" + n.Name(name) }
	b.first.env["SNAPBACK_ONLY"], b.second.env["SNAPBACK_ONLY"] = team("web"), team("shop")
	b.second.env["SNAPBACK_PEER_LISTEN"] = "127.0.0.1:0" // the first one passes on, and is passed nothing
	b.second.bot = serveWith(t, b.second.env)
	b.first.start()
	b.pollUntil("both bots are there", func() bool { return b.count(`SELECT count(*) FROM bots`) == 2 })
	c := config{DatabaseURL: n.env["DATABASE_URL"], SecretKeys: n.env["SNAPBACK_SECRET_KEYS"], DataDir: n.env["SNAPBACK_DATA_DIR"]}
	_, err := checkPeers(t.Context(), c) // the second one is reached
	if found := fmt.Sprint(err); !strings.HasPrefix(found, "this bot says no address") || strings.Contains(found, "reached at") {
		t.Errorf("doctor finds: %s", found)
	}
	shop := n.Name("shop")
	n.Run(shop, n.labels("--label", team("shop"), "--env", "DB_POOL=20", n.Image("shop", `CMD ["/app"]`))...)
	b.pollUntil("the shop is known", func() bool { return b.count(`SELECT count(*) FROM containers WHERE scopes <> '{}'`) == 1 })
	tokens := b.links(shop, 3)
	n.openTerminal(tokens[0], "DB_POOL=20")
	if opened := n.count(`SELECT count(*) FROM timeline WHERE kind = 'terminal.opened'`); opened != 1 {
		t.Errorf("the timeline has it %d times", opened)
	}

	status, view, cookie := n.postRedeem(fmt.Sprintf(`{"token":%q}`, tokens[1]), http.Header{"Origin": {n.env["SNAPBACK_PUBLIC_URL"]}})
	if status != http.StatusOK {
		t.Fatalf("redeeming a link: %d %v", status, view)
	}
	if status, answer := n.sessionAt(cookie); status != http.StatusOK {
		t.Errorf("its session: %d %v", status, answer)
	}
	b.second.bot.end(t)
	if status, answer := n.sessionAt(cookie); status != http.StatusServiceUnavailable || answer["code"] != "engine_away" {
		t.Errorf("once nobody reaches the shop: %d %v", status, answer)
	}
	status, answer, _ := n.postRedeem(fmt.Sprintf(`{"token":%q}`, tokens[2]), http.Header{"Origin": {n.env["SNAPBACK_PUBLIC_URL"]}})
	if status != http.StatusServiceUnavailable || answer["code"] != "engine_away" {
		t.Errorf("a link then: %d %v", status, answer)
	}

	delete(b.second.env, "SNAPBACK_PEER_LISTEN")
	b.second.bot = serveWith(t, b.second.env)
	b.pollUntil("it is there again", func() bool { return b.count(`SELECT count(*) FROM bots WHERE peer = ''`) == 2 })
	if status, answer := n.sessionAt(cookie); status != http.StatusServiceUnavailable || answer["code"] != "elsewhere" {
		t.Errorf("once it says no address: %d %v", status, answer)
	}
}
