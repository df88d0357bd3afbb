package main

import (
	"encoding/base64"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/slackfake"
)

// upgrade is a night on an engine of its own, whose ID can change as an upgrade changes it. The bots are processes of their own.
type upgrade struct {
	*crash
	engine *enginetest.Daemon
	shop   string
	bot    *process
}

const (
	idOf20 = "Q77P:WLHP:2JZ6:XRBA:7NMA:3VBK:WQJD:ZL2S:HZ7U:3XCT:MGQA:5T6C"
	idOf26 = "6f2b3f2e-8d0d-4b55-9f7e-0c8a1c7f3a11"
	idOf29 = "a9f0c6de-1c1b-4d5a-8a5e-5f6f1f0f2b22"
)

func newUpgrade(t *testing.T) *upgrade {
	t.Helper()
	t.Parallel()
	engine := enginetest.StartDaemon(t)
	n := newNightOn(t, enginetest.On(t, engine.Host()))
	u := &upgrade{crash: &crash{night: n}, shop: n.Name("shop"), engine: engine}
	u.proxy = enginefault.Start(t, n.Host(), "")
	n.env["DOCKER_HOST"] = u.proxy.Host()
	n.env["SNAPBACK_BASELINE_AFTER"] = "300ms"
	n.env["SNAPBACK_SECRET_KEYS"] = "a:" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	return u
}

// on has the engine come back under another ID, and starts a bot on it; the one from before has stopped first.
func (u *upgrade) on(id string) {
	u.t.Helper()
	if u.bot != nil {
		u.bot.end()
	}
	u.proxy.Rename(id)
	u.bot = u.boot(u.env["SNAPBACK_DATA_DIR"])
	u.night.bot = &running{url: u.bot.url}
	u.slack.SetEndpoints(slackfake.Endpoints{
		Interactions: u.bot.url + "/slack/interactions", Commands: u.bot.url + "/slack/commands", Events: u.bot.url + "/slack/events",
	})
}

// deploys has two versions follow each other, and keeps a snapshot by hand of the first one.
func (u *upgrade) deploys() {
	u.t.Helper()
	u.Run(u.shop, u.labels("--restart", "always", "--env", "DB_POOL=20", u.Image("v1", `CMD ["/app"]`))...)
	u.pollUntil("the baseline is taken", func() bool { return u.count(`SELECT count(*) FROM snapshots WHERE reason = 'baseline'`) > 0 })
	u.Docker("exec", u.shop, "/app", "touch", "/tmp/written")
	u.snapback("snapshot", "create", u.shop, "--name", "golden", "--pin")
	u.Docker("rm", "-f", u.shop)
	u.Run(u.shop, u.labels("--restart", "always", "--env", "DB_POOL=2", u.Image("v2", `CMD ["/app"]`))...)
	u.pollUntil("the deploy is seen", func() bool { return u.count(`SELECT count(*) FROM deploys`) == 1 })
	u.pollUntil("its baseline is taken", func() bool {
		return u.count(`SELECT count(*) FROM snapshots s JOIN containers c ON c.engine_id = s.container_id WHERE reason = 'baseline'`) == 1
	})
}

// names are those of the shop's snapshots, as the bot lists them.
func (u *upgrade) names() []string {
	u.t.Helper()
	_, got := u.call("GET", "/containers/"+u.shop+"/snapshots", "")
	list, _ := got["snapshots"].([]any)
	names := []string{}
	for _, s := range list {
		names = append(names, s.(map[string]any)["name"].(string))
	}
	slices.Sort(names)
	return names
}

// duplicated are the names of the snapshots that have a duplicate, as the engine lists them.
func (u *upgrade) duplicated() []string {
	all := u.Docker("volume", "ls", "--filter", "label=snapback.duplicate", "--format", `{{.Label "snapback.duplicate.snapshot"}}`)
	names := strings.Fields(all)
	slices.Sort(names)
	return slices.Compact(names) // a deploy changes what a snapshot says, and the duplicate from before goes later
}

// restores puts a snapshot back, and checks that it is the container from before.
func (u *upgrade) restores(name, pool string) {
	u.t.Helper()
	status, got := u.call("PATCH", "/containers/"+u.shop+"/snapshots/"+name+"?force=true", "") // it may be what runs
	if status != 200 || got["state"] != "verified" {
		u.t.Errorf("restoring %s: %d %v", name, status, got)
	}
	if env := u.Docker("inspect", "--format", "{{.Config.Env}}", u.shop); !strings.Contains(env, "DB_POOL="+pool+" ") && !strings.Contains(env, "DB_POOL="+pool+"]") {
		u.t.Errorf("after restoring %s env is %s", name, env)
	}
}

// kept is the name of the snapshot from before the deploy.
func (u *upgrade) kept() string {
	u.t.Helper()
	all := u.names()
	i := slices.IndexFunc(all, func(name string) bool { return strings.HasPrefix(name, "pre-deploy-") })
	if i < 0 {
		u.t.Fatalf("there is no snapshot from before the deploy: %v", all)
	}
	return all[i]
}

func (u *upgrade) doctor() string {
	u.t.Helper()
	binary, err := program()
	if err != nil {
		u.t.Fatal(err)
	}
	cmd := exec.CommandContext(u.t.Context(), binary, "doctor")
	cmd.Env = u.bot.cmd.Env
	out, _ := cmd.CombinedOutput() // what else it finds is no matter here
	return string(out)
}

func TestUpgradeOfTheEngineKeepsEverySnapshot(t *testing.T) {
	u := newUpgrade(t)
	u.on(idOf20)
	u.deploys()
	u.pollUntil("each snapshot has its duplicate", func() bool { return slices.Equal(u.duplicated(), u.names()) })
	want := u.names()
	if len(want) < 2 {
		t.Fatalf("before the upgrade there are %v", want)
	}

	u.on(idOf26)
	if got := u.names(); !slices.Equal(got, want) {
		t.Errorf("after the upgrade there are %v, want %v", got, want)
	}
	if got := u.duplicated(); !slices.Equal(got, want) {
		t.Errorf("after the upgrade there are duplicates of %v, want %v", got, want)
	}
	if told := u.count(`SELECT count(*) FROM timeline WHERE kind = 'engine.adopted'`); told != 1 {
		t.Errorf("the timeline tells of it %d times", told)
	}
	u.channel.ExpectMessage(t, "calls itself "+idOf26+" now")
	if got := u.count(`SELECT count(*) FROM deploys`); got != 1 {
		t.Errorf("the upgrade counts as a deploy: there are %d", got)
	}
	if said := u.doctor(); !strings.Contains(said, idOf26+", known as "+idOf20+" since before an upgrade") {
		t.Errorf("doctor says:\n%s", said)
	}
	u.restores("golden", "20")

	u.proxy.Rename(idOf29) // while the bot runs
	u.pollUntil("the bot has seen it", func() bool { return u.count(`SELECT count(*) FROM engines`) == 3 })
	u.restores("golden", "20")

	u.loses("b7b1c1f0-0d3c-4ac8-9f57-5f9d3c1d4e33")
	u.restores("golden", "20")
}

// TestUpgradeFromDocker20To29 has one data folder go through what upgrades of Debian make of it.
func TestUpgradeFromDocker20To29(t *testing.T) {
	var releases []enginetest.Release
	for _, name := range []string{"26.1", "28.5", "29"} {
		r, err := enginetest.Newer(name)
		if err != nil {
			t.Skipf("scripts/engine-matrix build %s makes what this needs: %v", name, err)
		}
		releases = append(releases, r)
	}
	u := newUpgrade(t)
	u.env["DOCKER_HOST"] = u.engine.Host()
	u.on("")
	u.deploys()
	u.snapback("snapshot", "create", u.shop, "--name", "of-20.10", "--pin")
	pools := map[string]string{"golden": "20", u.kept(): "20", "of-20.10": "2"}
	for i, r := range releases {
		u.engine.Upgrade(r)
		if i > 0 { // the first time, the bot runs on
			u.on("")
		}
		u.pollUntil("the engine has its name", func() bool {
			status, _ := u.call("GET", "/containers/"+u.shop+"/snapshots", "")
			return status == 200 && u.count(`SELECT count(*) FROM engines`) == 2 && u.count(`SELECT count(*) FROM containers WHERE gone_at IS NULL`) == 1
		})
		if said := u.doctor(); !strings.Contains(said, "since before an upgrade") {
			t.Errorf("on Docker %s doctor says:\n%s", r.Name, said)
		}
		for name, pool := range pools {
			u.restores(name, pool)
		}
		u.snapback("snapshot", "create", u.shop, "--name", "of-"+r.Name, "--pin")
		pools["of-"+r.Name] = strings.TrimPrefix(u.pool(), "DB_POOL=")
		t.Logf("Docker %s: %d snapshots, each restored", r.Name, len(pools))
	}
	if names := u.count(`SELECT count(DISTINCT split_part(key, '/', 1)) FROM snapshots`); names != 1 {
		t.Errorf("the snapshots are of %d engines", names)
	}
	if told := u.count(`SELECT count(*) FROM timeline WHERE kind = 'engine.adopted'`); told != 1 {
		t.Errorf("the timeline tells of it %d times", told)
	}
	if got := u.count(`SELECT count(*) FROM deploys`); got != 1 {
		t.Errorf("an upgrade counts as a deploy: there are %d", got)
	}
	u.loses("")
	for name, pool := range pools {
		u.restores(name, pool)
	}
}

// loses has the database lost while the engine gets another ID, and the snapshots found again.
func (u *upgrade) loses(id string) {
	u.t.Helper()
	u.bot.end()
	want := u.count(`SELECT count(*) FROM snapshots WHERE deleted_at IS NULL`)
	u.dropDatabase()
	u.on(id)
	if said := u.snapback("snapshot", "rebuild"); !strings.Contains(said, fmt.Sprintf(" %d added", want)) {
		u.t.Errorf("there were %d snapshots, and rebuild says:\n%s", want, said)
	}
}

func (u *upgrade) pool() string {
	u.t.Helper()
	env := u.Docker("inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", u.shop)
	i := strings.Index(env, "DB_POOL=")
	return strings.Fields(env[i:])[0]
}
