package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/slackfake"
)

// teams is a night with two bots on one database, each with containers of its own. Slack and PagerDuty call the first one.
type teams struct {
	*night
	first, second *night // the same night, as the one bot and the other see it
}

// sharing makes two bots' settings of one.
func sharing(n *night) *teams {
	n.env["SNAPBACK_SECRET_KEYS"] = "a:" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	n.env["SNAPBACK_BASELINE_AFTER"] = "300ms"
	t := &teams{night: n, first: n}
	other := *n
	other.env = maps.Clone(n.env)
	other.env["SNAPBACK_DATA_DIR"] = n.t.TempDir()
	t.second = &other
	return t
}

// names are those of the containers that a bot lists.
func (n *night) names() []string {
	n.t.Helper()
	_, got := n.call("GET", "/containers", "")
	list, _ := got["containers"].([]any)
	names := []string{}
	for _, c := range list {
		names = append(names, c.(map[string]any)["name"].(string))
	}
	slices.Sort(names)
	return names
}

// breaks keeps a snapshot of the second bot's shop, and deploys what breaks it. Run is how its containers are run.
func (t *teams) breaks(shop string, run func(pool, image string)) {
	t.t.Helper()
	run("20", "v1")
	t.pollUntil("the shop is known", func() bool { return t.count(`SELECT count(*) FROM containers WHERE scopes <> '{}'`) == 2 })
	if status, answer := t.second.call("POST", "/containers/"+shop+"/snapshots", `{"reason":"pre-deploy","name":"pre-deploy-2255"}`); status != 201 {
		t.t.Fatalf("taking a snapshot: %d %v", status, answer)
	}
	t.second.Docker("rm", "-f", shop)
	run("2", "v2")
	t.pollUntil("the deploy is seen", func() bool { return t.count(`SELECT count(*) FROM deploys`) == 1 })
}

// taps restores the second bot's shop and undoes that. Any bot may take a tap from the queue, and a message's update.
func (t *teams) taps(shop string) {
	t.t.Helper()
	t.service.Trigger("High error rate on shop")
	alert := t.channel.ExpectMessage(t.t, "High error rate on shop", "pre-deploy-2255")
	pool := func() string { return t.second.Docker("inspect", "--format", "{{.Config.Env}}", shop) }
	done := func(n int) {
		t.t.Helper()
		t.pollUntil("the restore is over", func() bool { return t.count(`SELECT count(*) FROM restores WHERE state = 'verified'`) == n })
	}
	for round := range 2 {
		if answer := t.maria.Tap(alert.Button("Restore pre-deploy-2255")); answer.Status != 200 {
			t.t.Fatalf("tapping Restore: %+v", answer)
		}
		done(2*round + 1)
		alert = alert.ExpectUpdate(t.t, "[Undo]")
		if env := pool(); !strings.Contains(env, "DB_POOL=20") {
			t.t.Errorf("round %d: after the restore env is %s", round, env)
		}
		if answer := t.maria.Tap(alert.Button("Undo")); answer.Status != 200 {
			t.t.Fatalf("tapping Undo: %+v", answer)
		}
		done(2*round + 2)
		alert = alert.ExpectUpdate(t.t, "[Restore pre-deploy-2255]")
		if env := pool(); strings.Contains(env, "DB_POOL=20") {
			t.t.Errorf("round %d: after the undo env is %s", round, env)
		}
	}
	if refused := t.count(`SELECT count(*) FROM timeline WHERE kind = 'refused'`); refused != 0 {
		t.t.Errorf("%d taps were refused:\n%s", refused, t.channel)
	}
	if passed := t.count(`SELECT count(*) FROM river_job WHERE queue LIKE 'bot-%'`); passed == 0 {
		t.t.Error("no job was passed on to the bot that reaches the shop")
	}
	if gone := t.count(`SELECT count(*) FROM containers WHERE gone_at IS NOT NULL`); gone != 0 {
		t.t.Errorf("%d containers count as gone", gone)
	}
}

// asksTheFirst restores the second bot's shop by the API of the first one, and undoes that.
func (t *teams) asksTheFirst(shop string) {
	t.t.Helper()
	env := func() string { return t.second.Docker("inspect", "--format", "{{.Config.Env}}", shop) }
	status, answer := t.first.call("PATCH", "/containers/"+shop+"/snapshots/pre-deploy-2255", "")
	if status != 200 || !strings.Contains(env(), "DB_POOL=20") {
		t.t.Fatalf("restoring it: %d %v, env is %s", status, answer, env())
	}
	if status, again := t.first.call("PATCH", "/containers/"+shop+"/snapshots/pre-deploy-2255", ""); status != 422 || !strings.Contains(fmt.Sprint(again), "already") {
		t.t.Errorf("restoring it once more: %d %v", status, again)
	}
	if status, answer = t.first.call("POST", fmt.Sprintf("/restores/%v/undo", answer["id"]), ""); status != 200 || strings.Contains(env(), "DB_POOL=20") {
		t.t.Errorf("undoing it: %d %v, env is %s", status, answer, env())
	}
	if status, answer := t.first.call("POST", "/containers/"+shop+"/snapshots", `{"reason":"manual"}`); status != 503 || answer["code"] != "elsewhere" {
		t.t.Errorf("taking a snapshot: %d %v", status, answer)
	}
}

func TestBotsOfTwoTeamsShareAnEngineAndADatabase(t *testing.T) {
	n := newNight(t)
	b := sharing(n)
	team := func(name string) string { return "team=" + n.Name(name) }
	b.first.env["SNAPBACK_ONLY"], b.second.env["SNAPBACK_ONLY"] = team("web"), team("shop")
	b.second.bot = serveWith(t, b.second.env)
	b.first.start()
	b.pollUntil("both bots are there", func() bool { return b.count(`SELECT count(*) FROM bots`) == 2 })
	web, shop := n.Name("web"), n.Name("shop")
	n.Run(web, "--label", team("web"), n.Image("web", `CMD ["/app"]`))
	b.breaks(shop, func(pool, image string) {
		n.Run(shop, n.labels("--label", team("shop"), "--env", "DB_POOL="+pool, n.Image(image, `CMD ["/app"]`))...)
	})
	for _, mine := range []struct {
		bot  *night
		want string
	}{{b.first, web}, {b.second, shop}} {
		if got := mine.bot.names(); !slices.Equal(got, []string{mine.want}) {
			t.Errorf("a bot lists %v, want %s alone", got, mine.want)
		}
	}
	b.taps(shop)
	b.asksTheFirst(shop)
	n.Docker("rm", "-f", web)
	b.pollUntil("the one that is gone counts as gone", func() bool {
		return b.count(fmt.Sprintf(`SELECT count(*) FROM containers WHERE gone_at IS NOT NULL AND name = '%s'`, web)) == 1
	})
	if gone := b.count(`SELECT count(*) FROM containers WHERE gone_at IS NOT NULL`); gone != 1 {
		t.Errorf("%d containers count as gone, want 1", gone)
	}
}

func TestBotsOfTwoEnginesShareADatabase(t *testing.T) {
	n := newNight(t)
	b := sharing(n)
	elsewhere := enginetest.On(t, enginetest.StartDaemon(t).Host())
	proxy := enginefault.Start(t, elsewhere.Host(), "")
	proxy.Rename(idOf26) // engines of one machine may have one ID, which is a key in /etc/docker
	b.second.Scope = elsewhere
	b.second.env["DOCKER_HOST"], b.second.env["SNAPBACK_ONLY"] = proxy.Host(), ""
	boot := func(m *night) {
		p := (&crash{night: m}).boot(m.env["SNAPBACK_DATA_DIR"])
		m.bot = &running{url: p.url}
	}
	boot(b.second)
	boot(b.first)
	n.slack.SetEndpoints(slackfake.Endpoints{
		Interactions: n.bot.url + "/slack/interactions", Commands: n.bot.url + "/slack/commands", Events: n.bot.url + "/slack/events",
	})
	n.hook = n.pd.Subscribe(n.bot.url+"/webhooks/pagerduty", hookSecret)
	b.pollUntil("both bots are there", func() bool { return b.count(`SELECT count(*) FROM bots`) == 2 })
	web, shop := n.Name("web"), elsewhere.Name("shop")
	n.Run(web, n.Image("web", `CMD ["/app"]`))
	b.breaks(shop, func(pool, image string) {
		elsewhere.Run(shop, n.labels("--env", "DB_POOL="+pool, elsewhere.Image(image, `CMD ["/app"]`))...)
	})
	if got := b.first.names(); !slices.Equal(got, []string{web}) {
		t.Errorf("the first bot lists %v, want %s alone", got, web)
	}
	b.taps(shop)
	b.asksTheFirst(shop)
}
