package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/testkit"
)

// runs ends the bot that runs, and starts that program in its place, on the same data folder and database.
func (u *upgrade) runs(binary string) {
	u.t.Helper()
	if u.bot != nil {
		u.bot.end()
	}
	u.bot = u.bootProgram(binary, u.env["SNAPBACK_DATA_DIR"])
	u.night.bot = &running{url: u.bot.url}
	u.slack.SetEndpoints(slackfake.Endpoints{
		Interactions: u.bot.url + "/slack/interactions", Commands: u.bot.url + "/slack/commands", Events: u.bot.url + "/slack/events",
	})
	if u.hook == nil {
		u.hook = u.pd.Subscribe(u.bot.url+webhookPath, hookSecret)
	}
	u.hook.Redirect(u.bot.url + webhookPath)
}

// command runs a command of the program that serves at present.
func (u *upgrade) command(args ...string) {
	u.t.Helper()
	cmd := exec.CommandContext(u.t.Context(), u.bot.cmd.Path, args...)
	cmd.Env = append(u.bot.cmd.Env, "SNAPBACK_URL="+u.bot.url, "SNAPBACK_TOKEN="+apiToken)
	if out, err := cmd.CombinedOutput(); err != nil {
		u.t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// works has the bot that runs take an alert, show it, keep the shop's state, put another back, and undo that.
func (u *upgrade) works(name string) {
	u.t.Helper()
	alert := u.service.Trigger("Errors with " + name)
	u.channel.ExpectMessage(u.t, "Errors with "+name)
	u.command("snapshot", "create", u.shop, "--name", name, "--pin")
	before := u.pool()
	status, done := u.call("PATCH", "/containers/"+u.shop+"/snapshots/golden", "")
	if status != 200 || done["state"] != "verified" || u.pool() != "DB_POOL=20" {
		u.t.Errorf("with %s the restore: %d %v, and %s", name, status, done, u.pool())
	}
	u.command("undo", fmt.Sprint(done["id"]), "--yes")
	if now := u.pool(); now != before {
		u.t.Errorf("with %s the undo has left %s, want %s", name, now, before)
	}
	testkit.OK(u.t, alert.Resolve(pagerdutyfake.User{ID: "PMARIA1", Name: "Maria", Email: "maria@example.com"}))
	u.channel.ExpectMessage(u.t, "Errors with "+name, "esolved")
	u.command("verify") // ends the test when it finds anything
}

// TestDowngradeByOneReleaseWorks has the program from before work on the schema of this one. make downgrade builds that program.
func TestDowngradeByOneReleaseWorks(t *testing.T) {
	before := os.Getenv("SNAPBACK_BEFORE")
	if before == "" {
		t.Skip("make downgrade builds the program from before, and names it in SNAPBACK_BEFORE")
	}
	now, err := program()
	testkit.OK(t, err)
	n := newNight(t)
	n.env["SNAPBACK_BASELINE_AFTER"] = "300ms"
	n.env["SNAPBACK_SECRET_KEYS"] = "a:" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	u := &upgrade{crash: &crash{night: n}, shop: n.Name("shop")}
	u.dropDatabase() // the one that there is has this program's schema already

	u.runs(before)
	older := u.count(`SELECT count(*) FROM goose_db_version`)
	u.deploys()
	u.works("before")
	u.runs(now)
	newer := u.count(`SELECT count(*) FROM goose_db_version`)
	if newer <= older {
		t.Errorf("the schema has %d migrations with this program, and had %d with the one from before: that is no downgrade", newer, older)
	}
	u.works("now")
	u.runs(before)
	u.works("back")
	u.runs(now)
	u.works("again")
	if left := u.count(`SELECT count(*) FROM goose_db_version`); left != newer {
		t.Errorf("the schema had %d migrations, and has %d", newer, left)
	}
	names := fmt.Sprint(u.names())
	for _, name := range []string{"before", "now", "back", "again", "golden"} {
		if !strings.Contains(names, name) {
			t.Errorf("snapshot %s is lost: there are %s", name, names)
		}
	}
	t.Logf("%d migrations with the program from before, %d with this one", older, newer)
}

// TestTheReleaseBeforeWorksBesideThisOne, as while bots are replaced one by one. Each has containers of its own; one hears of the alert, any may take a
// tap, and the shop's restores it.
func TestTheReleaseBeforeWorksBesideThisOne(t *testing.T) {
	before := os.Getenv("SNAPBACK_BEFORE")
	if before == "" {
		t.Skip("make downgrade builds the program from before, and names it in SNAPBACK_BEFORE")
	}
	now, err := program()
	testkit.OK(t, err)
	for name, programs := range map[string][2]string{"the shop's is replaced first": {before, now}, "the shop's is replaced last": {now, before}} {
		t.Run(name, func(t *testing.T) { worksBeside(t, programs[0], programs[1]) })
	}
}

// worksBeside has one program look after the shop, and the other one hear of its alert.
func worksBeside(t *testing.T, hears, shops string) {
	n := newNight(t)
	b := sharing(n)
	team := func(name string) string { return "team=" + n.Name(name) }
	b.first.env["SNAPBACK_ONLY"], b.second.env["SNAPBACK_ONLY"] = team("web"), team("shop")
	boot := func(m *night, binary string) {
		p := (&crash{night: m}).bootProgram(binary, m.env["SNAPBACK_DATA_DIR"])
		m.bot = &running{url: p.url}
	}
	boot(b.second, shops)
	boot(b.first, hears)
	n.slack.SetEndpoints(slackfake.Endpoints{
		Interactions: n.bot.url + "/slack/interactions", Commands: n.bot.url + "/slack/commands", Events: n.bot.url + "/slack/events",
	})
	n.hook = n.pd.Subscribe(n.bot.url+webhookPath, hookSecret)
	b.pollUntil("both bots are there", func() bool { return b.count(`SELECT count(*) FROM bots`) == 2 })
	web, shop := n.Name("web"), n.Name("shop")
	n.Run(web, "--label", team("web"), n.Image("web", `CMD ["/app"]`))
	b.breaks(shop, func(pool, image string) {
		n.Run(shop, n.labels("--label", team("shop"), "--env", "DB_POOL="+pool, n.Image(image, `CMD ["/app"]`))...)
	})
	b.taps(shop)
}
