package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/snapback/snapback/internal/testkit"
)

var (
	ciCommand = regexp.MustCompile(`(?m)(?:^|[ '])snapback ((?:[a-z-]+ )+(?:[^|;'\n]*?))'?(?: \|\| .*)?(?:;.*)?$`)
	ciWord    = regexp.MustCompile(`"[^"]*"|\S+`)
)

// The examples for pipelines whose services can't be run here call commands that there are, with flags that there are.
func TestPipelinesCallWhatThereIs(t *testing.T) {
	t.Parallel()
	for file, least := range map[string]int{"github-actions.yml": 2, "gitlab-ci.yml": 2, "Jenkinsfile": 2} {
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

// pipelines are the examples that call the program: what their runner runs, and the exit codes for which the deploy goes on all the same.
func pipelines(t *testing.T) map[string]pipeline {
	t.Helper()
	read := func(file string, into any) {
		text, err := os.ReadFile("../../deploy/ci/" + file)
		testkit.OK(t, err)
		testkit.OK(t, yaml.Unmarshal(text, into))
	}
	var github struct {
		Jobs map[string]struct {
			Steps []struct{ Run string }
		}
	}
	read("github-actions.yml", &github)
	var gitlab struct {
		Ask struct {
			Script  []string
			Failure struct {
				Codes []int `yaml:"exit_codes"`
			} `yaml:"allow_failure"`
		} `yaml:"ask-snapback"`
	}
	read("gitlab-ci.yml", &gitlab)
	text, err := os.ReadFile("../../deploy/ci/Jenkinsfile")
	testkit.OK(t, err)
	_, jenkins, _ := strings.Cut(string(text), "script: '''")
	jenkins, rest, _ := strings.Cut(jenkins, "'''")
	if !strings.Contains(rest, "if (code == 3) { error") || !strings.Contains(rest, "if (code != 0) { echo") {
		t.Errorf("the Jenkinsfile stops for another code than 3, or for more:\n%s", rest)
	}
	return map[string]pipeline{
		"github-actions.yml": {[]string{"bash", "-eo", "pipefail", "-c", github.Jobs["deploy"].Steps[1].Run}, []int{0}},
		"gitlab-ci.yml":      {[]string{"bash", "-eo", "pipefail", "-c", strings.Join(gitlab.Ask.Script, "\n")}, append(gitlab.Ask.Failure.Codes, 0)},
		"Jenkinsfile":        {[]string{"sh", "-xe", "-c", jenkins}, []int{0, 1, 2, 4}},
	}
}

type pipeline struct {
	command []string
	goesOn  []int
}

// asks runs what a pipeline asks before it deploys an image.
func (n *night) asks(p pipeline, url, token, container, image, id string) (code int, said string) {
	n.t.Helper()
	binary, err := program()
	testkit.OK(n.t, err)
	cmd := exec.CommandContext(n.t.Context(), p.command[0], p.command[1:]...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "SNAPBACK_URL="+url, "SNAPBACK_TOKEN="+token, "CONTAINER="+container, "IMAGE="+image,
		"DEPLOY_ID="+id, "CI_JOB_ID="+id, "BUILD_TAG="+id)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		n.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// holdPipelines has each example ask about what is on hold, about a fix, twice, and without a bot, by a token of the scope that it names.
func (n *night) holdPipelines(shop, bad, fix string) {
	n.t.Helper()
	token := strings.TrimSpace(n.snapback("token", "create", "ci", "--scope", "snapshots:write"))
	for name, p := range pipelines(n.t) {
		if code, said := n.asks(p, n.bot.url, token, shop, bad, name+" 1"); code != exitRefused || !strings.Contains(said, "on hold since") || strings.Contains(said, "scope") {
			n.t.Errorf("%s, what was rolled back: %d %s", name, code, said)
		}
		if slices.Contains(p.goesOn, exitRefused) {
			n.t.Errorf("%s deploys what is on hold", name)
		}
		for range 2 { // a job that is run again
			if code, said := n.asks(p, n.bot.url, token, shop, fix, name+" 2"); code != 0 || !strings.Contains(said, "is kept") {
				n.t.Errorf("%s, a fix: %d %s", name, code, said)
			}
		}
		if got := n.count(`SELECT count(*) FROM snapshots WHERE note LIKE 'before deploy %` + name + ` 2'`); got != 1 {
			n.t.Errorf("%s: %d snapshots, want 1", name, got)
		}
		if code, said := n.asks(p, "http://127.0.0.1:1", token, shop, fix, name+" 3"); !slices.Contains(p.goesOn, code) || strings.Contains(said, "is kept") {
			n.t.Errorf("%s, without a bot: %d %s", name, code, said)
		}
	}
}

// releasePipelines has each example release the hold by hand, by a token of the scope that it names.
func (n *night) releasePipelines(shop, bad string) {
	n.t.Helper()
	command := `snapback hold release "$CONTAINER" --yes`
	for _, file := range []string{"github-actions.yml", "gitlab-ci.yml", "Jenkinsfile"} {
		if text, err := os.ReadFile("../../deploy/ci/" + file); err != nil || strings.Count(string(text), command) != 1 {
			n.t.Errorf("%s does not call %s: %v", file, command, err)
		}
	}
	release := pipeline{[]string{"sh", "-e", "-c", command}, nil}
	token := func(scope string) string {
		return strings.TrimSpace(n.snapback("token", "create", scope, "--scope", scope))
	}
	if code, said := n.asks(release, n.bot.url, token("snapshots:write"), shop, bad, "release"); code == 0 {
		n.t.Errorf("a pipeline's own token releases a hold: %s", said)
	}
	if code, said := n.asks(release, n.bot.url, token("restore"), shop, bad, "release"); code != 0 {
		n.t.Errorf("releasing the hold: %d %s", code, said)
	}
	if code, said := n.preDeploy(n.bot.url, shop, bad, "4715"); code != 0 || !strings.Contains(said, "is kept") {
		n.t.Errorf("what was on hold, once that is released: %d %s", code, said)
	}
}

func TestThePipelinesAgainstTheBot(t *testing.T) {
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
	n.holdPipelines(shop, bad, fix)
	n.releasePipelines(shop, bad)
	away := "http://127.0.0.1:1"
	if code, said := n.preDeploy(away, shop, fix, "4714"); code != 0 || !strings.Contains(said, "warning: no snapshot") {
		t.Errorf("without a bot: %d %s", code, said)
	}
	if code, said := n.preDeploy(away, shop, fix, "4714", "SNAPBACK_STRICT=1"); code != exitFailed {
		t.Errorf("without a bot, strictly: %d %s", code, said)
	}
}
