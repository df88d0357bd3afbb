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

// steps runs a command with --json, and returns what it has on standard output and what it told meanwhile.
func (n *night) steps(want int, args string) (result takenSteps, told string) {
	n.t.Helper()
	var out, meanwhile bytes.Buffer
	err := run(n.t.Context(), append(strings.Fields(args), "--json"), func(k string) string { return n.env[k] }, strings.NewReader(""), &out, &meanwhile)
	if jsonErr := json.Unmarshal(out.Bytes(), &result); jsonErr != nil || exitCode(err) != want || result.OK != (want == 0) || (result.Error == "") != (want == 0) {
		n.t.Errorf("snapback %s: %v, %v:\n%s\n%s", args, err, jsonErr, out.String(), meanwhile.String())
	}
	return result, meanwhile.String()
}

// TestStepsArePrintedAsJSONAtTheEnd: of the commands that tell steps as they take them.
func TestStepsArePrintedAsJSONAtTheEnd(t *testing.T) {
	n := unsubscribed(t)
	shop := n.Name("shop")
	n.Run(shop, n.labels(n.Image("v1", `CMD ["/app"]`))...)
	if result, _ := n.steps(exitUnknown, "pagerduty enable"); len(result.Steps) != 0 || !strings.Contains(result.Error, "snapback pagerduty subscribe") {
		t.Errorf("without a subscription: %+v", result)
	}
	want := "PagerDuty's test call came through: alerts reach this bot"
	if result, told := n.steps(0, "pagerduty subscribe"); len(result.Steps) != 2 || result.Steps[1].What != want || result.Steps[1].At.IsZero() || !strings.Contains(told, want) {
		t.Errorf("subscribe: %+v\n%s", result, told)
	}
	for _, try := range []struct{ args, first string }{
		{"pagerduty enable", "no subscription was disabled or switched off"},
		{"pagerduty rotate", "subscription "},
		{"test-alert " + shop + " --local", "a webhook "},
		{"test-alert " + shop, "PagerDuty has a subscription"},
	} {
		if result, told := n.steps(0, try.args); len(result.Steps) < 2 || !strings.HasPrefix(result.Steps[0].What, try.first) || !strings.Contains(told, try.first) {
			t.Errorf("%s: %+v\n%s", try.args, result, told)
		}
	}
	n.bot.end(t)
	if result, _ := n.steps(exitFailed, "test-alert "+shop+" --local"); !strings.Contains(result.Error, "stopped at the bot") {
		t.Errorf("without a bot: %+v", result)
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
