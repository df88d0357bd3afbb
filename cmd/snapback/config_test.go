package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
)

func settings() map[string]string {
	return map[string]string{
		"SNAPBACK_PUBLIC_URL": "https://snapback.example.com", "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s",
		"SLACK_CHANNEL": "C1", "PAGERDUTY_API_TOKEN": "t", "PAGERDUTY_FROM": "a@example.com", "PAGERDUTY_WEBHOOK_SECRETS": "one, two",
		"HOME": "/nowhere",
	}
}

func TestWrongSettingStopsServeWithOneLineThatNamesIt(t *testing.T) {
	t.Parallel()
	wrong := [][2]string{{"SLACK_CHANNEL", "#alerts"}, {"PAGERDUTY_WEBHOOK_SECRETS", " , "},
		{"SNAPBACK_PUBLIC_URL", "https://snapback.example.com/?from=slack"}, {"SNAPBACK_PUBLIC_URL", "https://snapback.example.com#"}, {"SNAPBACK_RECORDING_LIMIT", "64MiB"},
		{"SNAPBACK_PUBLIC_URL", "http://bot.example.com"}, {"SNAPBACK_PUBLIC_URL", "https://bot.example.com/snapback"},
		{"SNAPBACK_PEER_LISTEN", "8443"}, {"SNAPBACK_PEER_LISTEN", ":8443"}, {"SNAPBACK_PEER_LISTEN", "0.0.0.0:8443"}, {"SNAPBACK_PEER_LISTEN", "[::]:8443"}, {"SNAPBACK_PEER_ADDRESS", "10.0.0.5:8443"}}
	for name, value := range map[string]string{
		"SNAPBACK_PUBLIC_URL": "snapback.example.com", "SNAPBACK_LISTEN": "8080", "SNAPBACK_METRICS_LISTEN": "9090",
		"SNAPBACK_SECRET_KEYS": "k:short", "SNAPBACK_API_TOKEN": "short", "SNAPBACK_TIMEZONE": "Mars/Olympus",
		"SNAPBACK_BASELINE_AFTER": "soon", "SNAPBACK_DISK_LIMIT": "101", "SNAPBACK_COMMITS": "0", "SNAPBACK_KEEP_BEFORE": "a day", "SNAPBACK_SLACK_GUESTS": "yes", "SNAPBACK_SLACK_QUIET": "no", "SNAPBACK_ERRORS_MINUTE": "2m", "SNAPBACK_TRUSTED_PROXIES": "10.0.0.0/8, proxy",
		"SNAPBACK_LOG_FORMAT": "xml", "SNAPBACK_LOG_LEVEL": "verbose", "SLACK_BOT_TOKEN": "xoxp-1", "SLACK_APP_TOKEN": "xoxb-1",
		"SLACK_API_URL": "ftp://x", "PAGERDUTY_FROM": "nobody", "PAGERDUTY_API_URL": "x", "DATABASE_URL": "mysql://x/y",
		"SLACK_SIGNING_SECRET": "", "SLACK_CHANNEL": "", "PAGERDUTY_API_TOKEN": "",
		"SLACK_BOT_TOKEN_FILE": "/does/not/exist",
	} {
		wrong = append(wrong, [2]string{name, value})
	}
	for _, setting := range wrong {
		name, value := setting[0], setting[1]
		t.Run(name+"="+value, func(t *testing.T) {
			t.Parallel()
			env := settings()
			env[name] = value
			var stderr bytes.Buffer
			err := run(context.Background(), []string{"serve"}, func(k string) string { return env[k] }, strings.NewReader(""), io.Discard, &stderr)
			if exitCode(err) != 2 {
				t.Errorf("exit code %d, %v", exitCode(err), err)
			}
			if text := stderr.String(); !strings.Contains(text, strings.TrimSuffix(name, "_FILE")) || strings.Count(text, "\n") != 1 {
				t.Errorf("it says:\n%s", text)
			}
		})
	}
}

func TestAllWrongSettingsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	env := map[string]string{"SNAPBACK_DISK_LIMIT": "101", "SNAPBACK_TIMEZONE": "Mars/Olympus", "SLACK_BOT_TOKEN": "xoxp-1", "HOME": "/nowhere"}
	var stderr bytes.Buffer
	err := run(context.Background(), []string{"doctor"}, func(k string) string { return env[k] }, strings.NewReader(""), io.Discard, &stderr)
	if exitCode(err) != 2 {
		t.Errorf("exit code %d", exitCode(err))
	}
	var got []string
	for line := range strings.Lines(stderr.String()) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "snapback: "), ":")
		got = append(got, name)
	}
	want := []string{
		"SNAPBACK_TIMEZONE", "SNAPBACK_DISK_LIMIT", "SNAPBACK_PUBLIC_URL", "SLACK_SIGNING_SECRET", "SLACK_CHANNEL", "SLACK_BOT_TOKEN",
		"PAGERDUTY_API_TOKEN", "PAGERDUTY_FROM",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s%s", diff, stderr.String())
	}
}

func TestNoErrorQuotesASecretOfASetting(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, name := range []string{
		"SNAPBACK_PUBLIC_URL", "SNAPBACK_PROMETHEUS_URL", "SLACK_API_URL", "PAGERDUTY_API_URL", "PAGERDUTY_EVENTS_URL", "DATABASE_URL",
		"SNAPBACK_SECRET_KEYS", "SNAPBACK_API_TOKEN", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "PAGERDUTY_FROM", "SLACK_CHANNEL",
		"SLACK_BOT_TOKEN_FILE", "PAGERDUTY_API_TOKEN_FILE", "SNAPBACK_SECRET_KEYS_FILE", "DATABASE_URL_FILE",
	} {
		for _, value := range []string{
			secret, "https://user:" + secret + "@host/path", "https://user:" + secret + "%zz@host", "https://" + secret + "@",
			"postgres://user:" + secret + "%zz@host/db", "postgres://user:" + secret + "@host:port/db", "postgres://user:" + secret + "@[::1/db",
			"postgres://user:" + secret + "@127.0.0.1:1/db?connect_timeout=1", "host=127.0.0.1 port=x password=" + secret, "http://user:" + secret + "@host",
		} {
			if !strings.HasPrefix(name, "DATABASE_URL") && (strings.HasPrefix(value, "postgres") || strings.HasPrefix(value, "host=")) {
				continue
			}
			env := settings()
			if setting, isFile := strings.CutSuffix(name, "_FILE"); isFile {
				env[setting] = ""
			}
			maps.Copy(env, map[string]string{name: value, "SNAPBACK_DATA_DIR": t.TempDir(), "SNAPBACK_LISTEN": "127.0.0.1:0", "SNAPBACK_METRICS_LISTEN": "127.0.0.1:0"})
			if name != "DATABASE_URL" { // so that serve ends in any case
				env["SLACK_CHANNEL"] = "wrong"
			}
			var out bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			err := run(ctx, []string{"serve"}, func(k string) string { return env[k] }, strings.NewReader(""), &out, &out)
			cancel()
			if err == nil || strings.Contains(out.String(), secret) {
				t.Errorf("%s=%s: %v\n%s", name, value, err, out.String())
			}
		}
	}
}

func TestADataFolderThatDependsOnTheWorkingFolderIsNone(t *testing.T) {
	t.Parallel()
	for want, env := range map[string]map[string]string{
		"":                                {"HOME": "", "XDG_STATE_HOME": "state"},
		"/home/ann/.local/state/snapback": {"HOME": "/home/ann"},
		"/state/snapback":                 {"HOME": "/home/ann", "XDG_STATE_HOME": "/state"},
		"/srv/snapback":                   {"SNAPBACK_DATA_DIR": "/srv/snapback"},
	} {
		r := &reader{getenv: func(k string) string { return env[k] }}
		got := r.dataDir(false)
		if err := r.err(); got != want || (err == nil) != (want != "") || err != nil && !strings.Contains(err.Error(), "SNAPBACK_DATA_DIR: is missing") {
			t.Errorf("%v: %q, %v", env, got, err)
		}
	}
}

func TestUnknownNamesOfSettingsAreTold(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"SNAPBACK_ONYL": "✗|SNAPBACK_ONLY", "SNAPBACK_MAXAGE": "✗|SNAPBACK_MAX_AGE", "SLACK_CHANEL": "✗|SLACK_CHANNEL",
		"SLACK_BOT_TOKN_FILE": "✗|SLACK_BOT_TOKEN", "PAGERDUTY_ROUTINGKEY": "✗|PAGERDUTY_ROUTING_KEY",
		"SNAPBACK_WHATEVER": "!|is unknown", "SLACK_API_TOKEN": "!|did you mean SLACK_APP_TOKEN?", "SLACK_API_TOKEN_FILE": "!|did you mean SLACK_APP_TOKEN?",
		"SLACK_TOKEN": "✓|", "PAGERDUTY_API_KEY": "✓|", "PAGERDUTY_TOKEN": "✓|",
		"SNAPBACK_URL": "✓|", "SNAPBACK_TOKEN_FILE": "✓|", "SNAPBACK_SECRET_KEYS_FILE": "✓|", "SLACK_WEBHOOK": "✓|", "PAGERDUTY_TEAM": "✓|",
		"SNAPBACK_SERVICE_PORT_HTTP": "✓|", "SNAPBACK_PORT_8080_TCP_ADDR": "✓|", "PATH": "✓|",
	} {
		mark, text, _ := strings.Cut(want, "|")
		values := settings()
		if meant := strings.TrimSuffix(text, "_FILE"); mark == "✗" {
			delete(values, meant)
		}
		code, said := checkedWith(t, values, name)
		if (code == exitUsage) != (mark == "✗") || (said == "") != (mark == "✓") || !strings.Contains(said, text) {
			t.Errorf("%s: exit code %d, %s", name, code, said)
		}
		warned := check{ask: func(context.Context) (string, error) { return checkNames([]string{name, "HOME"}) }}.run(t.Context())
		if (warned.State == checkWarning) != (mark == "!") {
			t.Errorf("%s: doctor says %+v", name, warned)
		}
	}
}

// checkedWith is what config check says beside its last line, with other variables in the environment.
func checkedWith(t *testing.T, values map[string]string, others ...string) (code int, said string) {
	t.Helper()
	environ := func() (pairs []string) {
		for name := range values {
			pairs = append(pairs, name+"="+values[name])
		}
		for _, name := range others {
			pairs = append(pairs, name+"=x")
		}
		return pairs
	}
	getenv := func(name string) string { return values[name] }
	var errs bytes.Buffer
	err := execute(t.Context(), []string{"config", "check"}, env{getenv: getenv, stdin: strings.NewReader(""), stdout: io.Discard, stderr: &errs, environ: environ})
	return exitCode(err), errs.String()
}

// TestMisspeltNamesAreToldWithWhatTheyLeaveMissing: all at once, each line with who says it.
func TestMisspeltNamesAreToldWithWhatTheyLeaveMissing(t *testing.T) {
	t.Parallel()
	code, said := checkedWith(t, nil, "SLACK_CHANNL")
	if code != exitUsage || !strings.HasPrefix(said, "snapback: SLACK_CHANNL is unknown, and not used; did you mean SLACK_CHANNEL?\n") || !strings.Contains(said, "SLACK_CHANNEL: is missing") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	if code, said = checkedWith(t, settings(), "SNAPBACK_LISTN"); code != exitUsage || !strings.Contains(said, "did you mean SNAPBACK_LISTEN?") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	code, said = checkedWith(t, settings(), "SNAPBACK_WHATEVER", "SNAPBACK_SOMETHING", "SLACK_CHANELL") // the last one may be another program's
	if code != 0 || strings.Count(said, "snapback: S") != 3 || strings.Count(said, "\n") != 3 {
		t.Errorf("exit code %d:\n%s", code, said)
	}
}

func TestServeTellsOfNamesThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	n := newNightOn(t, enginetest.New(t))
	n.env["SNAPBACK_WHATEVER"] = "team=payments"
	environ := func() (pairs []string) {
		for name, value := range n.env {
			pairs = append(pairs, name+"="+value)
		}
		return pairs
	}
	log := &syncBuffer{news: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- execute(ctx, []string{"serve"}, env{getenv: func(k string) string { return n.env[k] }, stdin: strings.NewReader(""), stdout: io.Discard, stderr: log, environ: environ})
	}()
	testkit.Eventually(t, "it says so", func() bool {
		text, _ := log.read()
		return strings.Contains(text, "SNAPBACK_WHATEVER is unknown, and not used")
	})
	cancel()
	<-done
}

func TestSecretsCanComeFromFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("xoxb-from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := settings()
	maps.Copy(env, map[string]string{"SLACK_BOT_TOKEN": "", "SLACK_BOT_TOKEN_FILE": path})
	c, err := readConfig(&reader{getenv: func(k string) string { return env[k] }})
	if err != nil || c.SlackBotToken != "xoxb-from-a-file" {
		t.Errorf("got %q, %v", c.SlackBotToken, err)
	}
	if strings.Join(c.PagerDutySecrets, "|") != "one|two" {
		t.Errorf("secrets %q", c.PagerDutySecrets)
	}
}

func TestRecordingsCanBeKeptForEver(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{"": 90 * 24 * time.Hour, "never": 0, "0": 0, "36h": 36 * time.Hour} {
		env := settings()
		env["SNAPBACK_KEEP_RECORDINGS"] = value
		if c, err := readConfig(&reader{getenv: func(k string) string { return env[k] }}); err != nil || c.KeepCasts != want {
			t.Errorf("%q: %s, %v; want %s", value, c.KeepCasts, err, want)
		}
	}
	env := settings()
	env["SNAPBACK_KEEP_RECORDINGS"] = "-1h"
	if _, err := readConfig(&reader{getenv: func(k string) string { return env[k] }}); err == nil || !strings.Contains(err.Error(), "or never") {
		t.Errorf("-1h: %v", err)
	}
}

func TestAKeyFileThatOthersMayReadStopsServe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	for text, mode := range map[string]os.FileMode{"a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=": 0o644, "": 0o600} {
		testkit.OK(t, os.WriteFile(path, []byte(text), mode))
		testkit.OK(t, os.Chmod(path, mode))
		env := settings()
		env["SNAPBACK_SECRET_KEYS_FILE"] = path
		if _, err := readConfig(&reader{getenv: func(k string) string { return env[k] }}); err == nil || !strings.Contains(err.Error(), "SNAPBACK_SECRET_KEYS") {
			t.Errorf("%q with mode %o: %v", text, mode, err)
		}
	}
}

func TestKeysOfTheDataFolderAreRotatedWithoutARestart(t *testing.T) {
	n := newNight(t)
	n.start()
	path := filepath.Join(n.env["SNAPBACK_DATA_DIR"], "secret-keys")
	old, err := os.ReadFile(path)
	testkit.OK(t, err)
	testkit.OK(t, os.WriteFile(path+".new", fmt.Appendf(nil, "new:%s,%s", base64.StdEncoding.EncodeToString(make([]byte, 32)), old), 0o644))
	testkit.OK(t, os.Chmod(path+".new", 0o644))
	testkit.OK(t, os.Rename(path+".new", path))
	says := func(text string) func() bool {
		return func() bool { log, _ := n.bot.log.read(); return strings.Contains(log, text) }
	}
	testkit.Eventually(t, "a file that others may read is not used", says("chmod 600 "+path))
	testkit.OK(t, os.Chmod(path, 0o600))
	testkit.Eventually(t, "the keys are rotated", says("keys rotated"))
}

func TestWrongCallIsAUsageError(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"serve", "now"}, {"--no-such-flag"}, {"token", "create"}, {"token", "create", "x", "--scope", "everything"}} {
		err := run(context.Background(), args, func(string) string { return "" }, strings.NewReader(""), io.Discard, io.Discard)
		if exitCode(err) != 2 {
			t.Errorf("%v: exit code %d, %v", args, exitCode(err), err)
		}
	}
}

func TestTwoBotsCannotUseOneDataFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(dir); err == nil || !strings.Contains(err.Error(), "another snapback") {
		t.Errorf("the second got in: %v", err)
	}
	first.Close()
	again, err := openFolder(dir)
	if err != nil || again.bot != first.bot {
		t.Errorf("after a restart the bot is %+v, %v", again, err)
	}
	again.Close()
}
