package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/restore"
)

// withoutJSON are the commands that have no --json, and why.
var withoutJSON = map[string]string{
	"serve": "it logs", "init": "it asks", "export": "it has --format", "docs": "it writes files",
	"completion bash": "a script", "completion zsh": "a script", "completion fish": "a script", "completion powershell": "a script",
	"volume-helper": "it speaks to the bot",
	"token create":  "it prints the token alone", "person add": "it prints the link alone",
	"token revoke": "the exit code says it", "person revoke": "the exit code says it", "hold release": "the exit code says it", "snapshot delete": "the exit code says it",
	"test-alert": "steps as they are taken", "uninstall": "steps as they are taken",
	"pagerduty subscribe": "steps as they are taken; pagerduty status --json has the result",
	"pagerduty enable":    "steps as they are taken; pagerduty status --json has the result",
	"pagerduty rotate":    "steps as they are taken; pagerduty status --json has the result",
}

func TestEveryCommandThatListsOrSaysSomethingHasJSON(t *testing.T) {
	t.Parallel()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		name := strings.TrimPrefix(cmd.CommandPath(), "snapback ")
		if cmd.HasSubCommands() || name == "help" {
			return
		}
		if has, why := cmd.Flag("json") != nil || cmd.InheritedFlags().Lookup("json") != nil, withoutJSON[name]; has == (why != "") {
			t.Errorf("snapback %s has --json: %v; why it has none: %q", name, has, why)
		}
	}
	walk(newRoot(env{getenv: func(string) string { return "" }}))
}

func TestJSONIsPrintedForScripts(t *testing.T) {
	t.Parallel()
	bot := func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + r.URL.Path {
		case "POST/containers/api/snapshots":
			answer(t, w, 201, wire.Snapshot{Name: "x", Container: "api"})
		case "POST/snapshots/rebuild":
			answer(t, w, 200, wire.Rebuilt{Found: 3})
		default:
			answer(t, w, 404, wire.Problem{Status: 404, Code: "not_held", Detail: "Nothing is on hold."})
		}
	}
	for _, try := range []struct {
		cmd        func(env) *cobra.Command
		args, want string
		code       int
	}{
		{newSnapshotCmd, "create api --json", `"name": "x"`, 0},
		{newSnapshotCmd, "rebuild --json", `"found": 3`, 0},
		{newHoldCmd, "list api --json", "{\n  \"holds\": []\n}\n", exitUnknown},
		{newVersionCmd, "--json", `"version": `, 0},
		{newConfigCmd, "check --json", "SLACK_CHANNEL: is missing", exitUsage},
		{newConfigCmd, "print --json", `"value": "•••"`, 0},
		{newDoctorCmd, "--json", `"ready": false`, exitUsage},
	} {
		out, err := call(t.Context(), t, bot, try.cmd, strings.Fields(try.args)...)
		if exitCode(err) != try.code || !strings.Contains(out, try.want) || !json.Valid([]byte(out)) {
			t.Errorf("%s: %v: %s", try.args, err, out)
		}
	}
}

// TestARestoreIsPrintedAsJSONAlone: a script reads it on standard output, whatever people are told meanwhile.
func TestARestoreIsPrintedAsJSONAlone(t *testing.T) {
	t.Parallel()
	end := restore.Verified
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state, status := end, 200
		if r.Method != http.MethodGet {
			state, status = restore.Requested, 202
		}
		answer(t, w, status, wire.Restore{ID: 7, Container: "api", State: state, Summary: "told"})
	}))
	t.Cleanup(bot.Close)
	vars := map[string]string{"SNAPBACK_URL": bot.URL, "SNAPBACK_TOKEN": "t"}
	for _, try := range []struct {
		args  string
		end   restore.State
		shown restore.State
		code  int
	}{
		{"snapshot restore api good --json", restore.Verified, restore.Verified, 0},
		{"snapshot restore api good --json", restore.Refused, restore.Refused, exitRefused},
		{"snapshot restore api good --json --async", restore.Verified, restore.Requested, 0},
		{"undo 6 --json", restore.Reverted, restore.Reverted, exitFailed},
		{"undo 6 --json --async", restore.Verified, restore.Requested, 0},
	} {
		end = try.end
		var out, steps bytes.Buffer
		err := run(t.Context(), strings.Fields(try.args), func(k string) string { return vars[k] }, strings.NewReader(""), &out, &steps)
		var got wire.Restore
		if jsonErr := json.Unmarshal(out.Bytes(), &got); jsonErr != nil || got.State != try.shown || exitCode(err) != try.code || !strings.Contains(steps.String(), "asked for") {
			t.Errorf("%s: %v, %v: %s", try.args, err, jsonErr, out.String())
		}
	}
}

func TestTokensPeopleAndMigrationsAreListedAsJSON(t *testing.T) {
	n := newNight(t)
	n.start()
	for args, want := range map[string]string{
		"token list --json": `"tokens": []`, "person list --json": `"people": []`, "migrate --dry-run --json": `"pending": []`, "migrate --json": `"applied": 0`,
	} {
		var out bytes.Buffer
		testkit.OK(t, run(t.Context(), strings.Fields(args), func(k string) string { return n.env[k] }, strings.NewReader(""), &out, &out))
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", args, out.String())
		}
	}
}
