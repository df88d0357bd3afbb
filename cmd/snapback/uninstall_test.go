package main

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
)

// uninstalls runs the command where the bot ran.
func (n *night) uninstalls(args ...string) (string, error) {
	n.t.Helper()
	var out, problems bytes.Buffer
	err := run(n.t.Context(), append([]string{"uninstall"}, args...), func(k string) string { return n.env[k] }, strings.NewReader(""), &out, &problems)
	return out.String() + problems.String(), err
}

// newLeaving is a night on an engine of its own, where nobody else's helpers are, with a bot that has taken snapshots of what has written
// files and has a volume, and that has made a restore.
func newLeaving(t *testing.T) (n *night, bot *process, shop string) {
	t.Helper()
	t.Parallel()
	engine := enginetest.StartDaemon(t)
	n = newNightOn(t, enginetest.On(t, engine.Host()))
	program, err := static() // which is the helper's as well
	testkit.OK(t, err)
	path := filepath.Join(t.TempDir(), "snapback")
	testkit.OK(t, os.WriteFile(path, program, 0o755))
	n.env["SNAPBACK_DISK_LIMIT"] = "99"
	n.env["DOCKER_HOST"] = n.Host()
	shop = n.Name("shop")
	n.Run(shop, n.labels("--label", "snapback.volumes=true", "--volume", n.Name("files")+":/seeded", n.Image("v1", `CMD ["/app"]`))...)
	bot = (&crash{night: n}).bootProgram(path, n.env["SNAPBACK_DATA_DIR"])
	n.bot = &running{url: bot.url}
	return n, bot, shop
}

func TestUninstallRemovesWhatTheBotMadeAndNothingElse(t *testing.T) {
	n, bot, shop := newLeaving(t)
	n.Docker("exec", shop, "/app", "touch", "/tmp/written")
	n.snapback("snapshot", "create", shop, "--name", "golden")
	n.snapback("snapshot", "create", shop, "--name", "used")
	n.snapback("snapshot", "restore", shop, "used", "--force")
	if out, err := n.uninstalls("--images", "--volumes"); exitCode(err) != exitRefused || !strings.Contains(out, "another snapback uses") {
		t.Errorf("while the bot runs: %v\n%s", err, out)
	}
	bot.end()

	// Of somebody else's: a tag and volumes that look like the bot's, and a container that has one of the bot's own mounted.
	for _, tag := range []string{"1", "2", "3", "mine"} {
		n.Docker("tag", n.Name("v1"), "snapback/web:"+tag)
	}
	n.Docker("volume", "create", "--label", n.Only(), "--label", "snapback.duplicate=AAAA", "--label", "snapback.duplicate.taken=2026-03-01T22:55:00Z", "snapback-snapshot.web.mine.0")
	held := n.Docker("volume", "ls", "-q", "--filter", "label=snapback.duplicate.snapshot=golden")
	held = strings.Fields(held)[0]
	n.Docker("run", "--detach", "--name", n.Name("reader"), "--volume", held+":/it", n.Name("v1"), "/app")

	before := n.everything()
	out, err := n.uninstalls()
	testkit.OK(t, err)
	for _, line := range []string{"there is   image snapback/" + shop + ":golden\n", "there is   duplicate " + held, "there is   archive ", "there is   helper's image snapback-helper:",
		"stays      container " + shop + ".before-", "stays      images of no snapshot of this bot: snapback/web:1, snapback/web:2, snapback/web:3 and 1 more\n",
		"stays      volumes that none of this bot's keys opens: snapback-snapshot.web.mine.0\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("it does not list %q:\n%s", line, out)
		}
	}
	if result, _ := n.steps(0, "uninstall"); !slices.ContainsFunc(result.Steps, func(s taken) bool { return s.What == "there is image snapback/"+shop+":golden" }) {
		t.Errorf("as JSON it does not list the image: %+v", result)
	}
	if now := n.everything(); now != before {
		t.Errorf("a list has changed something:\n%s\n%s", before, now)
	}

	out, err = n.uninstalls("--images", "--volumes", "--yes")
	testkit.OK(t, err)
	for _, line := range []string{"stays      image snapback/" + shop + ":used: it is in use", "stays      volume " + held + ": it is in use"} {
		if !strings.Contains(out, line) {
			t.Errorf("it does not say %q:\n%s", line, out)
		}
	}
	left := n.everything()
	for _, gone := range []string{"snapback/" + shop + ":golden", "snapback-helper:", "snapback-snapshot." + shop + ".used"} {
		if strings.Contains(left, gone) {
			t.Errorf("%s is still there:\n%s", gone, left)
		}
	}
	for _, stays := range []string{"snapback/web:mine", "snapback-snapshot.web.mine.0", n.Name("files"), "snapback/" + shop + ":used", held, shop + ".before-"} {
		if !strings.Contains(left, stays) {
			t.Errorf("%s is gone:\n%s", stays, left)
		}
	}
	if archives, _ := filepath.Glob(filepath.Join(n.env["SNAPBACK_DATA_DIR"], "volumes", "*", "manifest")); len(archives) != 0 {
		t.Errorf("archives are left: %q", archives)
	}
	if state := n.Docker("inspect", "--format", "{{.State.Status}}", shop); state != "running" {
		t.Errorf("the shop is %s", state)
	}
}

// second boots another bot on the same engine and database, with the same keys, which looks after other containers.
func (n *night) second(program, only string) *process {
	n.t.Helper()
	dir := n.t.TempDir()
	keys, err := os.ReadFile(filepath.Join(n.env["SNAPBACK_DATA_DIR"], "secret-keys"))
	testkit.OK(n.t, err)
	testkit.OK(n.t, os.WriteFile(filepath.Join(dir, "secret-keys"), keys, 0o600))
	other := *n
	other.env = maps.Clone(n.env)
	other.env["SNAPBACK_ONLY"] = only
	return (&crash{night: &other}).bootProgram(program, dir)
}

func TestUninstallLeavesWhatAnotherBotOnTheEngineHasMade(t *testing.T) {
	n, bot, shop := newLeaving(t)
	office, only := n.Name("office"), n.Only()+"-office"
	n.Run(office, n.labels("--label", only, n.Name("v1"))...)
	other := n.second(bot.cmd.Path, only)
	n.snapback("snapshot", "create", shop, "--name", "golden")
	n.bot = &running{url: other.url}
	n.snapback("snapshot", "create", office, "--name", "golden")
	bot.end()

	out, err := n.uninstalls("--images", "--volumes", "--yes")
	testkit.OK(t, err)
	_, stays, _ := strings.Cut(out, "stays      images of no snapshot of this bot: ")
	if line, _, _ := strings.Cut(stays, "\n"); !strings.Contains(line, "snapback/"+office+":golden") {
		t.Errorf("it does not say what stays:\n%s", out)
	}
	left := n.everything()
	for _, stays := range []string{"snapback/" + office + ":golden", "snapback-snapshot." + office + ".golden."} {
		if !strings.Contains(left, stays) {
			t.Errorf("%s is gone:\n%s", stays, left)
		}
	}
	if strings.Contains(left, "snapback/"+shop) || strings.Contains(left, "snapback-snapshot."+shop) {
		t.Errorf("what this bot made is still there:\n%s", left)
	}
}

// everything is what the engine has.
func (n *night) everything() string {
	lines := strings.Split(strings.Join([]string{
		n.Docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"), n.Docker("volume", "ls", "-q"), n.Docker("ps", "-a", "--format", "{{.Names}} {{.State}}"),
	}, "\n"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestUninstallRefusesWhileARestoreHasNotEnded(t *testing.T) {
	n, bot, shop := newLeaving(t)
	n.snapback("snapshot", "create", shop, "--name", "golden")
	n.snapback("snapshot", "restore", shop, "golden", "--force")
	bot.end()
	conn, err := pgx.Connect(t.Context(), n.env["DATABASE_URL"])
	testkit.OK(t, err)
	_, err = conn.Exec(t.Context(), `UPDATE restores SET state = 'swapping'`) // as a bot that was killed leaves it
	testkit.OK(t, errors.Join(err, conn.Close(t.Context())))
	before := n.everything()
	if out, err := n.uninstalls("--images", "--volumes", "--yes"); exitCode(err) != exitRefused || !strings.Contains(out, "restores have not ended: 1") {
		t.Errorf("it says %v\n%s", err, out)
	}
	if now := n.everything(); now != before {
		t.Errorf("it has changed something:\n%s\n%s", before, now)
	}
}

func TestUninstallMakesNoKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out, problems strings.Builder
	vars := map[string]string{"SNAPBACK_DATA_DIR": dir, "DATABASE_URL": "postgres://nobody@localhost/none"}
	err := run(t.Context(), []string{"uninstall"}, func(k string) string { return vars[k] }, strings.NewReader(""), &out, &problems)
	if exitCode(err) != exitUsage || !strings.Contains(err.Error(), "no keys are in") {
		t.Errorf("%v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("it has left %v", files)
	}
}
