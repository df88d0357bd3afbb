package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheCommandLineDoesWhatSlackDoes takes, lists, restores, undoes, exports and verifies through a running bot.
func TestTheCommandLineDoesWhatSlackDoes(t *testing.T) {
	n := newNight(t)
	shop := n.Name("shop")
	n.Run(shop, n.labels("--env", "DB_POOL=20", n.Image("v1", `CMD ["/app"]`))...)
	bot := n.start()
	n.awaitKnown(1)
	vars := map[string]string{"SNAPBACK_URL": bot.url, "SNAPBACK_TOKEN": apiToken}
	snapback := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), args, func(k string) string { return vars[k] }, strings.NewReader(""), &out, &out)
		return out.String(), err
	}
	expect := func(want string, args ...string) {
		t.Helper()
		if out, err := snapback(args...); err != nil || !strings.Contains(out, want) {
			t.Fatalf("snapback %v: %v, and no %q in\n%s", args, err, want, out)
		}
	}
	expect("no deploy was seen", "deploys")
	if out, err := snapback("__complete", "deploys", ""); err != nil || !strings.Contains(out, shop+"\t") {
		t.Errorf("a shell is not offered %s: %v\n%s", shop, err, out)
	}
	if status, page := n.call("GET", "/docs", ""); status != 200 || !strings.Contains(page["text"].(string), "<code>/deploys</code>") {
		t.Errorf("GET /docs: %d", status)
	}
	pool := func() string { return n.Docker("inspect", "--format", "{{.Config.Env}}", shop) }

	expect("v1 of "+shop+" is kept", "snapshot", "create", shop, "--name", "v1", "--pre-deploy")
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--env", "DB_POOL=2", n.Image("v2", `CMD ["/app"]`))...)
	expect("pre-deploy", "snapshot", "list", shop)
	n.pollUntil("the deploy is listed", func() bool {
		out, err := snapback("deploys", shop, "--since", "1h")
		return err == nil && strings.Contains(out, "DB_POOL: 20 → 2")
	})
	expect("is back on v1", "snapshot", "restore", shop, "v1", "--reason", "errors")
	if !strings.Contains(pool(), "DB_POOL=20") {
		t.Errorf("env is %s", pool())
	}
	expect("; rolled back to v1 at ", "deploys", shop)
	status, undone := n.call("POST", "/restores/1/undo", "", "Idempotency-Key", "once")
	again, replayed := n.call("POST", "/restores/1/undo", "", "Idempotency-Key", "once")
	if status != 200 || again != 200 || undone["state"] != "verified" || undone["id"] != replayed["id"] || strings.Contains(pool(), "DB_POOL=20") {
		t.Errorf("undo: %d %v, %d %v, env %s", status, undone, again, replayed, pool())
	}
	if status, p := n.call("PATCH", "/containers/"+shop+"/snapshots/v1", "", "If-Match", `"`+strings.Repeat("0", 64)+`"`); status != 412 {
		t.Errorf("another container was seen: %d %v", status, p)
	}

	incident := n.service.Trigger("High error rate on shop")
	n.channel.ExpectMessage(t, "High error rate on shop")
	if out, err := snapback("snapshot", "restore", shop, "v1"); err != nil || !terminalLink.MatchString(out) {
		t.Errorf("a restore within an incident prints no terminal link: %v\n%s", err, out)
	}
	status, back := n.call("POST", "/restores/3/undo", "")
	if link, _ := back["terminal"].(map[string]any); status != 200 || link["url"] == nil {
		t.Errorf("an undo returns no terminal link: %d %v", status, back)
	}
	file := filepath.Join(t.TempDir(), "night.zip")
	expect("", "export", incident.ID(), "--format", "zip", "--output", file)
	expect("High error rate on shop", "export", incident.ID())
	expect("outside any incident", "verify")
	if out, err := snapback("snapshot", "restore", shop, "nope"); exitCode(err) != exitUnknown || !strings.Contains(out, "It has: ") || !strings.Contains(out, "v1") {
		t.Errorf("a snapshot that is not there: %v\n%s", err, out)
	}
	expect("is deleted", "snapshot", "delete", shop, "v1")
}
