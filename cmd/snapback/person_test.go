package main

import (
	"bytes"
	"maps"
	"strings"
	"testing"
)

// Whoever has the host lets people in, and out, beside the bot that runs.
func TestPersonIsAddedListedAndRevokedOnTheHost(t *testing.T) {
	n := newNight(t)
	n.start()
	person := func(env map[string]string, args ...string) (string, error) {
		var out, errs bytes.Buffer
		err := run(t.Context(), append([]string{"person"}, args...), func(k string) string { return env[k] }, strings.NewReader(""), &out, &errs)
		return out.String() + errs.String(), err
	}
	out, err := person(n.env, "add", "U0MARIA")
	found := signinLink.FindStringSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("adding: %v, %s", err, out)
	}
	register := func() int {
		status, _ := n.call("POST", "/console/register/begin", `{"token":"`+found[1]+`"}`, "Origin", n.env["SNAPBACK_PUBLIC_URL"])
		return status
	}
	if got := register(); got != 200 {
		t.Errorf("the link: %d", got)
	}
	if out, err := person(n.env, "list"); err != nil || !strings.Contains(out, "U0MARIA") {
		t.Errorf("listing: %v, %s", err, out)
	}
	if out, err := person(n.env, "revoke", "U0MARIA"); err != nil {
		t.Errorf("revoking: %v, %s", err, out)
	}
	if got := register(); got != 410 {
		t.Errorf("the link after that: %d", got)
	}
	if out, err := person(n.env, "revoke", "U0NOBODY"); err == nil {
		t.Errorf("revoking nobody: %s", out)
	}
	elsewhere := maps.Clone(n.env)
	elsewhere["SNAPBACK_DATA_DIR"] = t.TempDir()
	if out, err := person(elsewhere, "add", "U0MARIA"); err == nil || !strings.Contains(out, "SNAPBACK_DATA_DIR") {
		t.Errorf("without the bot's keys: %v, %s", err, out)
	}
	if strings.Contains(n.dump(), found[1]) {
		t.Error("the link is in the database in the clear")
	}
}
