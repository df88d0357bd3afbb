package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/testkit"
)

// configured runs a command with a file of settings beneath an environment.
func configured(t *testing.T, file string, environment map[string]string, args ...string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	testkit.OK(t, os.WriteFile(path, []byte(file), 0o600))
	vars := map[string]string{"SNAPBACK_CONFIG": path, "HOME": "/nowhere"}
	maps.Copy(vars, environment)
	var out bytes.Buffer
	err := run(t.Context(), args, func(k string) string { return vars[k] }, strings.NewReader(""), &out, &out)
	return strings.ReplaceAll(out.String(), path, "config.yaml"), err
}

// asYAML is settings as lines of a file.
func asYAML(values map[string]string) (text string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text += fmt.Sprintf("%s: %q\n", name, values[name])
	}
	return text
}

func TestEverySettingThatIsReadIsInTheTable(t *testing.T) {
	t.Parallel()
	r := &reader{getenv: func(string) string { return "" }}
	_, _ = readConfig(r)
	read := append(slices.Clone(r.names), "SNAPBACK_URL", "SNAPBACK_TOKEN")
	slices.Sort(read)
	if diff := cmp.Diff(slices.Compact(read), slices.Sorted(slices.Values(settingNames()))); diff != "" {
		t.Errorf("what is read (-), what the table has (+):\n%s", diff)
	}
}

func TestEverySettingIsInTheDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/limits.md")
	testkit.OK(t, err)
	_, told, _ := strings.Cut(string(page), "\n## Settings\n")
	told, _, _ = strings.Cut(told, "\n## ")
	for _, name := range settingNames() {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(told) {
			t.Errorf("%s is not in docs/limits.md", name)
		}
	}
}

func TestSettingsAreReadFromAFileBeneathTheEnvironment(t *testing.T) {
	t.Parallel()
	file := settings()
	delete(file, "HOME")
	delete(file, "PAGERDUTY_WEBHOOK_SECRETS")
	out, err := configured(t, "# how we run it\n"+asYAML(file)+"PAGERDUTY_WEBHOOK_SECRETS: [one, two]\nSNAPBACK_COMMITS: 3\nSNAPBACK_SLACK_QUIET: true\nSNAPBACK_MAX_AGE:\n",
		map[string]string{"SNAPBACK_COMMITS": "4", "SLACK_BOT_TOKEN": "xoxb-of-the-environment"}, "config", "print")
	testkit.OK(t, err)
	for _, want := range []string{
		`SLACK_CHANNEL: "C1"  # config.yaml:5`, `SNAPBACK_COMMITS: "4"  # environment`, `SNAPBACK_SLACK_QUIET: "true"  # config.yaml:10`,
		`PAGERDUTY_WEBHOOK_SECRETS: "•••"  # config.yaml:8`, `SLACK_BOT_TOKEN: "•••"  # environment`, "# SNAPBACK_MAX_AGE is not set: never",
	} {
		if !strings.Contains(out, want+"\n") {
			t.Errorf("no line %s in\n%s", want, out)
		}
	}
	if strings.Contains(out, "xoxb") {
		t.Errorf("a secret is shown:\n%s", out)
	}
	out, err = configured(t, asYAML(file)+"PAGERDUTY_WEBHOOK_SECRETS: [one, two]\n", nil, "config", "check")
	if err != nil || !strings.Contains(out, "7 settings, none is wrong") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheEnvironmentsFormOfASettingIsAllThatHoldsOfIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	testkit.OK(t, os.WriteFile(path, []byte("xoxb-1"), 0o600))
	file := settings()
	delete(file, "HOME")
	// Both forms would be an error in one place.
	out, err := configured(t, asYAML(file), map[string]string{"SLACK_BOT_TOKEN_FILE": path}, "config", "check")
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	file["SLACK_BOT_TOKEN_FILE"] = path
	if out, err := configured(t, asYAML(file), nil, "config", "check"); exitCode(err) != 2 || !strings.Contains(out, "config.yaml:4: SLACK_BOT_TOKEN: set it or SLACK_BOT_TOKEN_FILE") {
		t.Errorf("both forms in the file: %v\n%s", err, out)
	}
}

func TestAllThatIsWrongWithSettingsIsToldAtOnceWithItsLine(t *testing.T) {
	t.Parallel()
	file := settings()
	delete(file, "HOME")
	file["SLACK_CHANNEL"] = "#alerts"
	out, err := configured(t, asYAML(file)+`SNAPBACK_FORGTE: 24h
SNAPBACK_FORGET: soon
DOCKER_HOST: tcp://engine
SNAPBACK_ONLY: {team: payments}
SNAPBACK_FORGET: 24h
`, map[string]string{"PAGERDUTY_FROM": "nobody"}, "serve")
	if exitCode(err) != 2 {
		t.Errorf("exit code %d", exitCode(err))
	}
	for _, want := range []string{
		"config.yaml:8: SNAPBACK_FORGTE is no setting; did you mean SNAPBACK_FORGET?",
		"config.yaml:9: SNAPBACK_FORGET: want a duration",
		"config.yaml:10: DOCKER_HOST is read from the environment only",
		"config.yaml:11: SNAPBACK_ONLY: want one value",
		"config.yaml:12: SNAPBACK_FORGET stands in line 9 already",
		"config.yaml:5: SLACK_CHANNEL: is no channel's ID",
		"snapback: PAGERDUTY_FROM: is not an e-mail address",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestAFileOfSettingsThatIsNoneIsToldAsSuch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SLACK_CHANNEL":            "config.yaml:1: want lines such as",
		"- SLACK_CHANNEL":          "config.yaml:1: want lines such as",
		"SLACK_CHANNEL: [C1":       "config.yaml: line 1",
		"SLACK_CHANNEL: [[C1]]":    "config.yaml:1: SLACK_CHANNEL: want one value",
		"SNAPBACK_CONFIG: another": "config.yaml:1: SNAPBACK_CONFIG names this file",
	} {
		if out, err := configured(t, text, nil, "config", "check"); exitCode(err) != 2 || !strings.Contains(out, want) {
			t.Errorf("%q: %v\n%s", text, err, out)
		}
	}
	for _, text := range []string{"", "# nothing yet\n", "---\n"} {
		if out, err := configured(t, text, settings(), "config", "check"); err != nil {
			t.Errorf("%q: %v\n%s", text, err, out)
		}
	}
	if out, err := configured(t, "", map[string]string{"SNAPBACK_CONFIG": "/does/not/exist"}, "config", "check"); exitCode(err) != 2 || !strings.Contains(out, "SNAPBACK_CONFIG: open /does/not/exist") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestASecretThatEverybodyMayReadStopsServe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.yaml")
	vars := settings()
	vars["SNAPBACK_CONFIG"] = path
	check := func(text string, mode os.FileMode) string {
		testkit.OK(t, os.WriteFile(path, []byte(text), mode))
		testkit.OK(t, os.Chmod(path, mode))
		var out bytes.Buffer
		_ = run(t.Context(), []string{"config", "check"}, func(k string) string { return vars[k] }, strings.NewReader(""), &out, &out)
		return out.String()
	}
	for text, mode := range map[string]os.FileMode{"SNAPBACK_FORGET: 24h": 0o644, "PAGERDUTY_ROUTING_KEY_FILE: " + path: 0o644, "PAGERDUTY_ROUTING_KEY: R0": 0o640} {
		if out := check(text, mode); !strings.Contains(out, "none is wrong") {
			t.Errorf("%s, mode %o:\n%s", text, mode, out)
		}
	}
	if out := check("PAGERDUTY_ROUTING_KEY: R0", 0o644); !strings.Contains(out, "everybody here may read it (mode 0644): chmod 640") {
		t.Errorf("it says:\n%s", out)
	}
}

// The usual file is the bot's; who only asks the bot may have no right to read it.
func TestTheUsualFileNeedNotBeThere(t *testing.T) {
	t.Parallel()
	r := env{getenv: func(string) string { return "" }, usualConfig: filepath.Join(t.TempDir(), "none.yaml")}.reader()
	testkit.OK(t, r.err())
	path := filepath.Join(t.TempDir(), "config.yaml")
	testkit.OK(t, os.WriteFile(path, []byte("SNAPBACK_URL: http://localhost:1\n"), 0o600))
	r = env{getenv: func(string) string { return "" }, usualConfig: path}.lenientReader()
	if got := r.get("SNAPBACK_URL"); got != "http://localhost:1" || r.err() != nil {
		t.Errorf("%q, %v", got, r.err())
	}
}

func TestHelpShowsEverySetting(t *testing.T) {
	t.Parallel()
	out, err := configured(t, "", nil, "serve", "--help")
	testkit.OK(t, err)
	for _, s := range allSettings {
		if !strings.Contains(out, "  "+s.name+" ") || !strings.Contains(out, s.what) {
			t.Errorf("%s is missing", s.name)
		}
	}
}
