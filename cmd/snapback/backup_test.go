package main

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/internal/testkit"
)

// page runs a block of docs/backup.md in dir, as the bot's settings are now. Programs in the folder instead count before others.
func (n *night) page(dir, heading, instead string) {
	n.t.Helper()
	bin, err := pgserver.Find(n.t.Context())
	if err != nil {
		n.t.Skip(err)
	}
	cmd := exec.Command("bash", "-euc", blockOf(n.t, "backup.md", heading))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+cmp.Or(instead, bin)+":"+bin+":"+os.Getenv("PATH"), "DATABASE_URL="+n.env["DATABASE_URL"], "SNAPBACK_DATA_DIR="+n.env["SNAPBACK_DATA_DIR"])
	command(n.t, cmd)
}

// follow runs commands of docs/backup.md for the Debian package in dir, as root. The bot of a test is root, too, and PostgreSQL's server is
// postgres then. No systemd is there: the test starts and stops the bot.
func (n *night) follow(dir string, headings ...string) {
	n.t.Helper()
	data := n.env["SNAPBACK_DATA_DIR"]
	script := "systemctl() { :; }\n"
	for _, heading := range headings {
		script += strings.NewReplacer("/var/lib/snapback", data, "runuser -u snapback", "runuser -u postgres", "-o snapback -g snapback", "-o postgres -g postgres").Replace(blockOf(n.t, "backup.md", heading)) + "\n"
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = dir
	command(n.t, cmd)
	for _, path := range []string{data, filepath.Join(data, "postgres")} {
		testkit.OK(n.t, os.Chown(path, 0, 0))
	}
}

// loses is the end of a machine: the bot is killed, and neither its database nor its data folder is there any more. The new one is
// restored from what was backed up in dir.
func (n *night) loses(bot *process, dir string) *process {
	n.t.Helper()
	bot.kill()
	testkit.OK(n.t, os.RemoveAll(n.env["SNAPBACK_DATA_DIR"]))
	n.dropDatabase()
	n.env["DATABASE_URL"], n.env["SNAPBACK_DATA_DIR"] = pgtest.New(n.t, nil), filepath.Join(n.t.TempDir(), "new")
	n.page(dir, "## Restore", "")
	again := (&crash{night: n}).bootProgram(bot.cmd.Path, n.env["SNAPBACK_DATA_DIR"])
	n.bot = &running{url: again.url}
	return again
}

// backedUp has an incident, and a snapshot with contents of a volume from before the container was changed.
func backedUp(t *testing.T) (n *night, bot *process, shop, dir string) {
	t.Helper()
	n, bot, shop = newLeaving(t)
	n.pd.Subscribe(bot.url+"/webhooks/pagerduty", hookSecret)
	n.service.Trigger("checkout answers 500")
	n.pollUntil("the incident is there", func() bool { return n.count(`SELECT count(*) FROM incidents`) == 1 })
	n.Docker("exec", shop, "/app", "touch", "/seeded/before", "/tmp/written")
	n.snapback("snapshot", "create", shop, "--name", "golden", "--pin")
	dir = t.TempDir()
	n.page(dir, "## Back up", n.anchoredMeanwhile())
	return n, bot, shop, dir
}

// anchoredMeanwhile is a folder with a pg_dump after which the end of a timeline is anchored that is later than what it has dumped.
func (n *night) anchoredMeanwhile() string {
	n.t.Helper()
	bin, err := pgserver.Find(n.t.Context())
	if err != nil {
		n.t.Skip(err)
	}
	dir := n.t.TempDir()
	script := "#!/bin/sh -e\n" + bin + `/pg_dump "$@"` + "\n" +
		`echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) incident 1 entry 9999 ` + strings.Repeat("00", 32) + `" >>"$SNAPBACK_DATA_DIR/anchors"` + "\n"
	testkit.OK(n.t, os.WriteFile(filepath.Join(dir, "pg_dump"), []byte(script), 0o755))
	return dir
}

func (n *night) checkIncident() {
	n.t.Helper()
	_, list := n.call("GET", "/incidents", "")
	if text, _ := json.Marshal(list); !strings.Contains(string(text), "checkout answers 500") {
		n.t.Errorf("the incident is gone: %s", text)
	}
	n.snapback("verify") // which fails otherwise
}

func TestALostMachineComesBackFromItsBackup(t *testing.T) {
	n, bot, shop, dir := backedUp(t)
	n.Docker("rm", "-f", shop)
	n.Docker("volume", "rm", n.Name("files"))
	n.Run(shop, n.labels("--label", "snapback.volumes=true", "--env", "BROKEN=1", "--volume", n.Name("files")+":/seeded", n.Image("v2", `CMD ["/app"]`))...)

	n.loses(bot, dir)
	n.checkIncident()
	n.pollUntil("the bot anchors the timelines at its start", func() bool {
		text, _ := os.ReadFile(filepath.Join(n.env["SNAPBACK_DATA_DIR"], "anchors"))
		return strings.Contains(string(text), " incident 1 entry ") && !strings.Contains(string(text), " entry 9999 ")
	})
	if status, got := n.call("PATCH", "/containers/"+shop+"/snapshots/golden", `{"volumes": true}`); status != http.StatusOK || got["state"] != "verified" {
		t.Fatalf("the restore: %d %v", status, got)
	}
	if env := n.Docker("inspect", "--format", "{{.Config.Env}} {{.State.Status}}", shop); strings.Contains(env, "BROKEN") || !strings.Contains(env, "running") {
		t.Errorf("it is %s", env)
	}
	n.Docker("cp", shop+":/seeded/before", filepath.Join(t.TempDir(), "before"))
	n.Docker("cp", shop+":/tmp/written", filepath.Join(t.TempDir(), "written"))
}

func TestALostEngineLeavesTheTimelines(t *testing.T) {
	n, bot, shop, dir := backedUp(t)
	other := enginetest.On(t, enginetest.StartDaemon(t).Host())
	n.env["DOCKER_HOST"] = other.Host()
	n.loses(bot, dir)
	n.checkIncident()
	other.Run(shop, "--label", n.Only(), other.Image("v1", `CMD ["/app"]`))
	n.pollUntil("the bot sees what runs there", func() bool {
		_, got := n.call("GET", "/containers", "")
		text, _ := json.Marshal(got)
		return strings.Contains(string(text), shop)
	})
	if status, got := n.call("POST", "/containers/"+shop+"/snapshots", `{"name":"new"}`); status != http.StatusCreated {
		t.Errorf("a snapshot there: %d %v", status, got)
	}
	if status, got := n.call("PATCH", "/containers/"+shop+"/snapshots/golden", ""); status == http.StatusOK {
		t.Errorf("the lost engine's snapshot was restored: %v", got)
	}
}

func TestAPrivateServerComesBackFromItsBackups(t *testing.T) {
	if _, err := user.Lookup("postgres"); err != nil || os.Geteuid() != 0 {
		t.Skip("docs/backup.md has root do this, and the server be another account's")
	}
	n := newNight(t)
	delete(n.env, "DATABASE_URL")
	n.env["SNAPBACK_DATA_DIR"] = filepath.Join(shortDir(t), "data")
	binary, err := program()
	testkit.OK(t, err)
	boot := func() *process {
		bot := (&crash{night: n}).bootProgram(binary, n.env["SNAPBACK_DATA_DIR"])
		n.bot = &running{url: bot.url}
		return bot
	}
	bot, dir := boot(), t.TempDir()
	n.pd.Subscribe(bot.url+"/webhooks/pagerduty", hookSecret)
	n.service.Trigger("checkout answers 500")
	n.pollUntil("the incident is there", func() bool {
		_, list := n.call("GET", "/incidents", "")
		text, _ := json.Marshal(list)
		return strings.Contains(string(text), "checkout answers 500")
	})
	n.follow(dir, "### Back up a private server", "## Back up")
	bot.end()
	n.follow(dir, "### Back up a private server", "### Back up a private server's files")
	for _, heading := range []string{"### Restore into a private server", "### Restore a private server's files"} {
		testkit.OK(t, os.RemoveAll(n.env["SNAPBACK_DATA_DIR"]))
		n.follow(dir, heading)
		bot = boot()
		n.checkIncident()
		bot.end()
	}
}
