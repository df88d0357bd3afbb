package main

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheExitCodesOfTheHelp(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	testkit.OK(t, err)
	_, table, _ := strings.Cut(string(page), "\n## Exit codes\n")
	var told []string
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]+) \| [^|]+ \|$`).FindAllStringSubmatch(table, -1) {
		told = append(told, row[1]+" "+row[2])
	}
	if got := "Exit codes: " + strings.Join(told, ", ") + "."; got != exitCodes {
		t.Errorf("docs/troubleshooting.md has\n%s\nthe help says\n%s", got, exitCodes)
	}
}

// TestExitCodesAreThoseOfTheHelp is about calls of a bot that runs, and of what its user may get wrong.
func TestExitCodesAreThoseOfTheHelp(t *testing.T) {
	n := newNight(t)
	n.start()
	shop := n.Name("shop")
	n.Run(shop, n.labels(n.Image("v1", `CMD ["/app"]`))...)
	good := maps.Clone(n.env)
	good["SNAPBACK_URL"], good["SNAPBACK_TOKEN"] = n.bot.url, apiToken
	stranger := maps.Clone(good)
	stranger["SNAPBACK_TOKEN"] = "somebody-elses-token"
	n.pollUntil("the bot knows the container", func() bool {
		_, list := n.call("GET", "/containers", "")
		found, _ := list["containers"].([]any)
		return len(found) == 1
	})
	for _, try := range []struct {
		env  map[string]string
		args string
		want int
		says string
	}{
		{good, "--version", 0, "snapback "},
		{good, "containers", 0, shop},
		{good, "completion bash", 0, "complete"},
		{good, "completion nosuch", exitUsage, "--help"},
		{good, "completion bash nosuch", exitUsage, "--help"},
		{good, "nosuch", exitUsage, "nosuch"},
		{good, "token create me", exitUsage, "snapshots:write"},
		{good, "token create me --scope everything", exitUsage, "everything"},
		{good, "token revoke nosuch", exitUnknown, "token list"},
		{good, "person revoke U0NOBODY", exitUnknown, "person list"},
		{good, "person revoke nobody", exitUsage, "Slack user ID"},
		{good, "snapshot create " + shop + " --expires-in banana", exitUsage, ""},
		{good, "snapshot create " + shop + " --reason banana", exitUsage, "pre-deploy or manual"},
		{good, "snapshot create nosuch", exitUnknown, "nosuch"},
		{good, "snapshot restore " + shop + " nosuch", exitUnknown, ""},
		{good, "hold list " + shop, exitUnknown, ""},
		{good, "incidents 4711", exitUnknown, ""},
		{good, "export 4711 --format pdf", exitUsage, "pdf"},
		{stranger, "containers", exitUsage, ""},
		{stranger, "snapshot create " + shop, exitUsage, ""},
	} {
		var out bytes.Buffer
		err := run(t.Context(), strings.Fields(try.args), func(k string) string { return try.env[k] }, strings.NewReader(""), &out, &out)
		if exitCode(err) != try.want || !strings.Contains(out.String(), try.says) {
			t.Errorf("snapback %s: exit code %d, want %d and %q: %s", try.args, exitCode(err), try.want, try.says, out.String())
		}
	}
}
