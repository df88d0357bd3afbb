package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
)

var (
	ciCommand = regexp.MustCompile(`(?m)(?:^|[ '])snapback ((?:[a-z-]+ )+(?:[^|;\n]*?))(?: \|\| .*)?(?:;.*)?$`)
	ciWord    = regexp.MustCompile(`"[^"]*"|\S+`)
)

// The examples for pipelines whose services can't be run here call commands that there are, with flags that there are.
func TestPipelinesCallWhatThereIs(t *testing.T) {
	t.Parallel()
	for file, least := range map[string]int{"github-actions.yml": 2, "gitlab-ci.yml": 2, "Jenkinsfile": 1} {
		text, err := os.ReadFile(filepath.Join("../../deploy/ci", file))
		testkit.OK(t, err)
		calls := 0
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//") {
				continue
			}
			for _, m := range ciCommand.FindAllStringSubmatch(line, -1) {
				calls++
				checkCall(t, file, m[1])
			}
		}
		if calls < least {
			t.Errorf("%s calls snapback %d times, want %d", file, calls, least)
		}
	}
}

func checkCall(t *testing.T, file, call string) {
	t.Helper()
	words := ciWord.FindAllString(call, -1)
	for i, word := range words {
		words[i] = strings.Trim(word, `"`)
	}
	cmd, args, err := newRoot(env{}).Find(words)
	if err == nil && !cmd.Runnable() {
		err = errors.New("it does nothing by itself")
	}
	if err == nil {
		err = cmd.ParseFlags(args)
	}
	if err == nil {
		err = cmd.ValidateFlagGroups()
	}
	if err == nil && cmd.Args != nil {
		err = cmd.Args(cmd, cmd.Flags().Args())
	}
	if err != nil {
		t.Errorf("%s: snapback %s: %v", file, call, err)
	}
}

// preDeploy runs the example for curl.
func (n *night) preDeploy(url, container, image, id string, more ...string) (code int, said string) {
	n.t.Helper()
	cmd := exec.CommandContext(n.t.Context(), "../../deploy/ci/pre-deploy.sh")
	cmd.Env = append(os.Environ(), append([]string{"SNAPBACK_URL=" + url, "SNAPBACK_TOKEN=" + apiToken, "CONTAINER=" + container, "IMAGE=" + image, "DEPLOY_ID=" + id}, more...)...)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		n.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestTheCurlExampleAgainstTheBot(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip(err)
	}
	n := newNight(t)
	n.env["SNAPBACK_BASELINE_AFTER"] = "1h"
	n.start()
	shop, bad, fix := n.Name("shop"), n.Image("v2", `CMD ["/app"]`), n.Image("v3", `CMD ["/app"]`)
	n.Run(shop, n.labels(n.Image("v1", `CMD ["/app"]`))...)
	n.awaitKnown(1)
	taken := `SELECT count(*) FROM snapshots WHERE reason = 'pre-deploy' AND note = 'before deploy 4711'`
	for range 2 { // a job that is run again
		if code, said := n.preDeploy(n.bot.url, shop, bad, "4711"); code != 0 || !strings.Contains(said, "is kept") {
			t.Fatalf("before the deploy: %d %s", code, said)
		}
		if got := n.count(taken); got != 1 {
			t.Errorf("%d snapshots, want 1", got)
		}
	}
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels(bad)...)
	n.pollUntil("the deploy is seen", func() bool { return n.count(`SELECT count(*) FROM deploys`) == 1 })
	_, list := n.call("GET", "/containers/"+shop+"/snapshots", "")
	name := list["snapshots"].([]any)[0].(map[string]any)["name"].(string)
	n.snapback("snapshot", "restore", shop, name)

	if code, said := n.preDeploy(n.bot.url, shop, bad, "4712"); code != exitRefused || !strings.Contains(said, "on hold") {
		t.Errorf("what was rolled back: %d %s", code, said)
	}
	if code, said := n.preDeploy(n.bot.url, shop, fix, "4713"); code != 0 || !strings.Contains(said, "is kept") {
		t.Errorf("a fix: %d %s", code, said)
	}
	away := "http://127.0.0.1:1"
	if code, said := n.preDeploy(away, shop, fix, "4714"); code != 0 || !strings.Contains(said, "warning: no snapshot") {
		t.Errorf("without a bot: %d %s", code, said)
	}
	if code, said := n.preDeploy(away, shop, fix, "4714", "SNAPBACK_STRICT=1"); code != exitFailed {
		t.Errorf("without a bot, strictly: %d %s", code, said)
	}
}
