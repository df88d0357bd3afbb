package main

import (
	"errors"
	"maps"
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
	return n.runner([]string{"../../deploy/ci/pre-deploy.sh"},
		append([]string{"SNAPBACK_URL=" + url, "SNAPBACK_TOKEN=" + apiToken, "CONTAINER=" + container, "IMAGE=" + image, "DEPLOY_ID=" + id}, more...)...)
}

// runner runs a command with variables as a pipeline's runner does: the program is on its path.
func (n *night) runner(command []string, variables ...string) (code int, said string) {
	n.t.Helper()
	binary, err := program()
	testkit.OK(n.t, err)
	cmd := exec.CommandContext(n.t.Context(), command[0], command[1:]...)
	cmd.Env = append(append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH")), variables...)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		n.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// readYAML reads an example into what of it a test looks at.
func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/ci/" + file)
	testkit.OK(t, err)
	testkit.OK(t, yaml.Unmarshal(text, into))
}

// githubActions and gitlabCI are what the tests run of these examples.
type githubActions struct {
	Jobs map[string]struct {
		Env   map[string]string
		Steps []struct{ Run string }
	}
}

type gitlabCI struct {
	Variables map[string]string
	Ask       struct {
		Script  []string
		Failure struct {
			Codes []int `yaml:"exit_codes"`
		} `yaml:"allow_failure"`
	} `yaml:"ask-snapback"`
	Release struct {
		Variables map[string]string
		Script    []string
	} `yaml:"release-hold"`
}

// pipelines are the examples that call the program: what their runner runs, and the exit codes for which the deploy goes on all the same.
func pipelines(t *testing.T) map[string]pipeline {
	t.Helper()
	var github githubActions
	readYAML(t, "github-actions.yml", &github)
	var gitlab gitlabCI
	readYAML(t, "gitlab-ci.yml", &gitlab)
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
	return n.runner(p.command, "SNAPBACK_URL="+url, "SNAPBACK_TOKEN="+token, "CONTAINER="+container, "IMAGE="+image, "DEPLOY_ID="+id, "CI_JOB_ID="+id, "BUILD_TAG="+id)
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

// a release is what an example runs to release a hold, and the variables that the job has then.
type release struct {
	command   []string
	variables map[string]string
}

// releases are the examples' jobs that release a hold. The tokens are what people store for them, under the names that the examples' first lines have.
func releases(t *testing.T, tokens map[string]string) map[string]release {
	t.Helper()
	var github githubActions
	readYAML(t, "github-actions.yml", &github)
	job := github.Jobs["release-hold"]
	for name, value := range job.Env {
		if secret, ok := strings.CutPrefix(value, "${{ secrets."); ok {
			job.Env[name] = tokens[strings.TrimSuffix(secret, " }}")]
		}
	}
	var gitlab gitlabCI
	readYAML(t, "gitlab-ci.yml", &gitlab)
	project := maps.Clone(gitlab.Variables)
	maps.Copy(project, gitlab.Release.Variables)
	maps.Copy(project, tokens) // the project's variables win over those of the file, a job's too
	text, err := os.ReadFile("../../deploy/ci/Jenkinsfile")
	testkit.OK(t, err)
	_, stage, _ := strings.Cut(string(text), "stage('Release the hold')")
	stage, _, _ = strings.Cut(stage, "stage('")
	credentials, command := regexp.MustCompile(`SNAPBACK_TOKEN = credentials\('(.*)'\)`).FindStringSubmatch(stage), regexp.MustCompile(`sh '(.*)'`).FindStringSubmatch(stage)
	if len(job.Steps) != 1 || credentials == nil || command == nil {
		t.Fatalf("there is another job, or none, that releases a hold: %+v\n%s", job, stage)
	}
	return map[string]release{
		"github-actions.yml": {[]string{"bash", "-e", "-c", job.Steps[0].Run}, job.Env},
		"gitlab-ci.yml":      {[]string{"bash", "-eo", "pipefail", "-c", strings.Join(gitlab.Release.Script, "\n")}, project},
		"Jenkinsfile":        {[]string{"sh", "-xe", "-c", command[1]}, map[string]string{"SNAPBACK_TOKEN": tokens[credentials[1]]}},
		"docs/hold.md":       {[]string{"sh", "-e", "-c", blockOf(t, "hold.md", "## How it ends")}, map[string]string{"SNAPBACK_TOKEN": tokens["SNAPBACK_RESTORE_TOKEN"]}},
	}
}

// releasePipelines has each example release the hold by hand, with the tokens of the scopes that it names.
func (n *night) releasePipelines(shop, bad string) {
	n.t.Helper()
	token := func(scope string) string {
		return strings.TrimSpace(n.snapback("token", "create", scope, "--scope", scope))
	}
	write, restore := token("snapshots:write"), token("restore")
	tokens := map[string]string{"SNAPBACK_TOKEN": write, "SNAPBACK_RESTORE_TOKEN": restore, "snapback-token": write, "snapback-restore-token": restore}
	if code, said := n.runner([]string{"sh", "-c", `snapback hold release "$CONTAINER"`}, "CONTAINER="+shop, "SNAPBACK_URL="+n.bot.url, "SNAPBACK_TOKEN="+write); code != exitRefused {
		n.t.Errorf("a pipeline's own token releases a hold: %d %s", code, said)
	}
	for name, r := range releases(n.t, tokens) {
		job := maps.Clone(r.variables)
		maps.Copy(job, map[string]string{"SNAPBACK_URL": n.bot.url, "CONTAINER": shop})
		var variables []string
		for variable, value := range job {
			variables = append(variables, variable+"="+value)
		}
		if code, said := n.runner(r.command, variables...); code != 0 {
			n.t.Errorf("%s: releasing the hold: %d %s", name, code, said)
		}
		if again := n.count(`WITH held AS (UPDATE holds SET ended_at = NULL, ended_by = NULL WHERE ended_by IS NOT NULL RETURNING id) SELECT count(*) FROM held`); again != 1 {
			n.t.Errorf("%s: %d holds were released, want 1", name, again)
		}
	}
	n.snapback("hold", "release", shop)
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
