package setup_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/setup"
)

func TestEditingKeepsWhatItWasNotAskedAbout(t *testing.T) {
	t.Parallel()
	before := "# how we run it\n#SLACK_CHANNEL: C0123456789\n\nFUTURE: [one, two]  # not yet\nSECRETS:\n  - one\n  - two\nTOKEN_FILE: /run/token\nLAST: 1\n"
	for _, test := range []struct{ name, value, was, is string }{
		{"SLACK_CHANNEL", "C1", "#SLACK_CHANNEL: C0123456789\n", "#SLACK_CHANNEL: C0123456789\nSLACK_CHANNEL: \"C1\"\n"},
		{"SECRETS", "three", "SECRETS:\n  - one\n  - two\n", "SECRETS: \"three\"\n"},
		{"TOKEN", `a"b\c:# <d>`, "TOKEN_FILE: /run/token\n", `TOKEN: "a\"b\\c:# <d>"` + "\n"},
		{"NEW", "x", "LAST: 1\n", "LAST: 1\nNEW: \"x\"\n"},
	} {
		if diff := cmp.Diff(strings.Replace(before, test.was, test.is, 1), setup.EditYAML(before, test.name, test.value)); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
	if got := setup.EditYAML("", "NEW", "x"); got != "NEW: \"x\"\n" {
		t.Errorf("in an empty file: %q", got)
	}
	env := setup.EditEnv("# mine\nOTHER=1\nMAIL=old@x\n", "MAIL", "it's me")
	if env != "# mine\nOTHER=1\nMAIL='it\\'s me'\n" {
		t.Errorf("as .env: %q", env)
	}
}

func TestAFileOfSettingsIsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "etc", "config.yaml")
	mode := func() os.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if err := setup.WriteFile(path, []byte("a"), false); err != nil || mode() != 0o600 {
		t.Errorf("new: %v, %o", err, mode())
	}
	if err := errors.Join(os.Chmod(path, 0o644), setup.WriteFile(path, []byte("b"), true)); err != nil || mode() != 0o640 {
		t.Errorf("open to all before: %v, %o", err, mode())
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("it left %v", left)
	}
	link := filepath.Join(t.TempDir(), "config.yaml")
	if err := errors.Join(os.Chmod(path, 0o644), os.Symlink(path, link), setup.WriteFile(link, []byte("c"), false)); err != nil || mode() != 0o644 {
		t.Errorf("no secret, by a link: %v, %o", err, mode())
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is none any more: %v", err)
	}
}

// The README shows the manifest, and init prints it: both are the same.
func TestTheReadmeHasTheManifest(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```yaml\n"+setup.Manifest("https://snapback.example.com")+"```\n") {
		t.Error("README.md has another manifest than manifest.yaml")
	}
	here := setup.Manifest("https://bot.acme.example")
	if strings.Contains(here, "snapback.example.com") || strings.Count(here, "https://bot.acme.example/slack/") != 3 {
		t.Errorf("the host is not in it:\n%s", here)
	}
	link, err := url.Parse(setup.ManifestLink(here))
	if err != nil || link.Host != "api.slack.com" || link.Query().Get("manifest_yaml") != here || link.Query().Get("new_app") != "1" {
		t.Errorf("the link is %v, %v", link, err)
	}
}

// Slack's own schema of manifests wants no URL of an app that it does not call.
func TestTheManifestForSocketModeNamesNoURL(t *testing.T) {
	t.Parallel()
	const want = `display_information:
  name: Snapback
features:
  bot_user: { display_name: snapback, always_online: true }
  slash_commands:
    - command: /snapback
      description: Containers, snapshots and restores
      usage_hint: status | snapshots api | restore api pre-deploy-2255 | signin
oauth_config:
  scopes:
    bot: [chat:write, commands, users:read, "users:read.email", usergroups:read, channels:read, channels:history, groups:read, groups:history, files:write]
settings:
  interactivity: { is_enabled: true }
  event_subscriptions: { bot_events: [app_uninstalled] }
  socket_mode_enabled: true
`
	if diff := cmp.Diff(want, setup.SocketManifest()); diff != "" {
		t.Error(diff)
	}
}

// memory is a target that forgets.
type memory map[string]string

func (m memory) Get(name string) string       { return m[name] }
func (m memory) Stands(name string) bool      { _, stands := m[name]; return stands }
func (m memory) Set(name, value string) error { m[name] = value; return nil }
func (m memory) String() string               { return "memory" }

func TestTheWizardAsksForWhatIsMissingOrWrongAndWritesEachAtOnce(t *testing.T) {
	t.Parallel()
	notBad := func(_ context.Context, v string) (string, error) {
		if v == "bad" {
			return "", errors.New("it is bad")
		}
		return "good", nil
	}
	questions := []setup.Question{{Name: "A", Check: notBad}, {Name: "B", Check: notBad}, {Name: "C", Optional: true}, {Name: "D"}, {Name: "E"}}
	target, out := memory{"A": "fine", "B": "bad"}, &bytes.Buffer{}
	answers := []string{"bad", "", "better\n", "", "d"}
	w := setup.Wizard{Target: target, Out: out, Ask: func(context.Context, setup.Question) (string, error) {
		if len(answers) == 0 {
			return "", io.EOF
		}
		a := answers[0]
		answers = answers[1:]
		return a, nil
	}}
	err := w.Run(t.Context(), questions)
	if !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "is in memory: snapback init goes on from there") {
		t.Errorf("it ends with %v", err)
	}
	if diff := cmp.Diff(memory{"A": "fine", "B": "better", "C": "", "D": "d"}, target); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"ok    A: good", "wrong B: it is bad", "It is needed."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}

	w = setup.Wizard{Target: target, Out: out, Given: map[string]string{"A": "bad", "B": "best"}}
	err = w.Run(t.Context(), questions)
	if !errors.Is(err, setup.ErrMissing) || !strings.Contains(err.Error(), "A: it is bad") || !strings.Contains(err.Error(), "E: is missing") {
		t.Errorf("without anybody to ask: %v", err)
	}
	if target["A"] != "fine" || target["B"] != "best" {
		t.Errorf("what was given: %v", target)
	}
}

func TestAnOptionalSettingIsAskedForOnceAndCanBeTakenAway(t *testing.T) {
	t.Parallel()
	bad := func(_ context.Context, v string) (string, error) {
		if v == "bad" {
			return "", errors.New("it is bad")
		}
		return "good", nil
	}
	questions := []setup.Question{{Name: "A"}, {Name: "B", Optional: true, Check: bad}}
	for name, test := range map[string]struct {
		before, after memory
		again         []string
		answers       string
		said          string
	}{
		"left out":                      {memory{"A": "a"}, memory{"A": "a", "B": ""}, nil, "", "(An empty answer leaves it out.)"},
		"left out before":               {memory{"A": "a", "B": ""}, memory{"A": "a", "B": ""}, nil, "unasked", ""},
		"another is asked for":          {memory{"A": "a"}, memory{"A": "a2"}, []string{"A"}, "a2", "A: "},
		"asked for, and given":          {memory{"A": "a", "B": ""}, memory{"A": "a", "B": "b"}, []string{"B"}, "b", "ok    B: good"},
		"asked for, and kept":           {memory{"A": "a", "B": "b"}, memory{"A": "a", "B": "b"}, []string{"B"}, "", "(It is set. An empty answer leaves it so; - takes it away.)"},
		"asked for, and taken away":     {memory{"A": "a", "B": "b"}, memory{"A": "a", "B": ""}, []string{"B"}, "-", "ok    B: left out"},
		"wrong, and taken away":         {memory{"A": "a", "B": "bad"}, memory{"A": "a", "B": ""}, nil, ",-", "wrong B: it is bad\n\nB: \n(- takes it away.)\n"},
		"what is needed can't be so":    {memory{"A": "a"}, memory{"A": "a2"}, []string{"A"}, "-,a2", "A: is needed: it can't be taken away"},
		"taken away, where it is alone": {memory{"A": "a"}, memory{"A": "a", "B": ""}, []string{"B"}, "-", "ok    B: left out"},
	} {
		out, answers := &bytes.Buffer{}, strings.Split(test.answers, ",")
		target := test.before
		w := setup.Wizard{Target: target, Again: test.again, Out: out, Ask: func(context.Context, setup.Question) (string, error) {
			if len(answers) == 0 {
				return "", io.EOF
			}
			a := answers[0]
			answers = answers[1:]
			return a, nil
		}}
		if err := w.Run(t.Context(), questions); err != nil || !strings.Contains(out.String(), test.said) {
			t.Errorf("%s: %v, and it says:\n%s", name, err, out)
		}
		if diff := cmp.Diff(test.after, target); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if (len(answers) > 0) != (test.answers == "unasked") {
			t.Errorf("%s: %q were not asked for", name, answers)
		}
	}

	target, out := memory{"A": "a", "B": "b"}, &bytes.Buffer{}
	err := (setup.Wizard{Target: target, Out: out, Given: map[string]string{"A": "-", "B": ""}}).Run(t.Context(), questions)
	if err == nil || !strings.Contains(err.Error(), "A: is needed: it can't be taken away") || !strings.Contains(err.Error(), "B: is empty: - takes it away") {
		t.Errorf("given beforehand: %v", err)
	}
	if err := (setup.Wizard{Target: target, Out: out, Given: map[string]string{"B": "-"}}).Run(t.Context(), questions); err != nil || target["B"] != "" {
		t.Errorf("taken away beforehand: %v, %v", err, target)
	}
	if err := (setup.Wizard{Target: pinned{target}, Out: out, Given: map[string]string{"B": "-"}}).Run(t.Context(), questions); err != nil || !strings.Contains(out.String(), "warn  B: it is not in memory any more, and is set in the environment all the same") {
		t.Errorf("set elsewhere as well: %v:\n%s", err, out)
	}
}

// pinned is a target beneath another one.
type pinned struct{ memory }

func (pinned) Get(string) string { return "pinned" }

func TestAChoiceDecidesWhichSettingsMatter(t *testing.T) {
	t.Parallel()
	left := false
	questions := []setup.Question{
		{Where: "Left or right?", Decide: func(yes bool) { left = yes }, Skip: func() bool { return left }},
		{Name: "LEFT", Skip: func() bool { return !left }}, {Name: "RIGHT", Skip: func() bool { return left }},
	}
	target, out, answers := memory{}, &bytes.Buffer{}, []string{"perhaps", "Y", "l"}
	w := setup.Wizard{Target: target, Out: out, Ask: func(context.Context, setup.Question) (string, error) {
		a := answers[0]
		answers = answers[1:]
		return a, nil
	}}
	if err := w.Run(t.Context(), questions); err != nil || !strings.Contains(out.String(), "Type yes or no.") {
		t.Errorf("%v:\n%s", err, out)
	}
	if diff := cmp.Diff(memory{"LEFT": "l"}, target); diff != "" {
		t.Error(diff)
	}
	w = setup.Wizard{Target: target, Out: out, Given: map[string]string{"RIGHT": "r"}}
	if err := w.Run(t.Context(), questions); err != nil || target["RIGHT"] != "r" {
		t.Errorf("what was given is taken whether it matters or not: %v, %v", err, target)
	}
}

func TestComposeHasSecretsInFilesOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := setup.Compose{Dir: t.TempDir()}
	env := filepath.Join(c.Dir, ".env")
	if err := os.WriteFile(env, []byte("# ours\nSNAPBACK_NET=10.99.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Set("SNAPBACK_PUBLIC_URL", "http://snapback.example.com"); err == nil {
		t.Error("it takes what Caddy can't serve")
	}
	for name, value := range map[string]string{"SNAPBACK_PUBLIC_URL": "https://snapback.example.com", "SLACK_CHANNEL": "C1", "SLACK_BOT_TOKEN": "xoxb-1"} {
		_ = c.Set(name, "https://other.example.com")
		if err := c.Set(name, value); err != nil || c.Get(name) != value {
			t.Errorf("%s: %v, %q", name, err, c.Get(name))
		}
	}
	if c.Stands("PAGERDUTY_API_URL") {
		t.Error("what is nowhere stands in .env")
	}
	if err := errors.Join(c.Set("PAGERDUTY_API_URL", "https://api.eu.pagerduty.com"), c.Set("PAGERDUTY_API_URL", ""), c.Set("LAST", "1")); err != nil || c.Get("PAGERDUTY_API_URL") != "" || !c.Stands("PAGERDUTY_API_URL") {
		t.Errorf("what was taken away: %v, %q", err, c.Get("PAGERDUTY_API_URL"))
	}
	unreadable := filepath.Join(c.Dir, "secrets", "secret_keys")
	if err := os.Mkdir(unreadable, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.Complete(env); err == nil || !strings.Contains(err.Error(), "run it as root") {
		t.Errorf("keys that can't be read are made anew: %v", err)
	}
	if err := errors.Join(os.Remove(unreadable), c.Complete(env), c.Complete(env)); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(env)
	for _, want := range []string{"# ours\n", "SNAPBACK_NET=10.99.0\n", "SNAPBACK_HOST=snapback.example.com\n", "SLACK_CHANNEL=C1\n", "DOCKER_GROUP="} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in .env:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "xoxb") {
		t.Errorf("a secret is in .env:\n%s", text)
	}
	compose, err := os.ReadFile("../../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(c.Dir, "secrets"))
	if err != nil || len(files) != 7 { // the token, the keys, two for the database, and three that may be empty
		t.Errorf("%d secrets, %v", len(files), err)
	}
	for _, f := range files {
		if info, _ := f.Info(); info.Mode().Perm() != 0o400 || !strings.Contains(string(compose), "secrets/"+f.Name()) {
			t.Errorf("%s: mode %o, or not in compose.yaml", f.Name(), info.Mode().Perm())
		}
	}
	password, _ := os.ReadFile(filepath.Join(c.Dir, "secrets", "database_password"))
	if u, err := url.Parse(c.Get("DATABASE_URL")); err != nil || len(password) < 20 || u.User.String() != "snapback:"+string(password) {
		t.Errorf("the database's URL and its password are not the same: %v", err)
	}
}
