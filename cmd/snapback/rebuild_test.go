package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// snapback runs a command against the running bot, and returns what it printed.
func (n *night) snapback(args ...string) string {
	n.t.Helper()
	vars := map[string]string{
		"SNAPBACK_URL": n.bot.url, "SNAPBACK_TOKEN": apiToken,
		"DATABASE_URL": n.env["DATABASE_URL"], "SNAPBACK_DATA_DIR": n.env["SNAPBACK_DATA_DIR"],
	}
	var out, problems bytes.Buffer
	if err := run(n.t.Context(), args, func(k string) string { return vars[k] }, strings.NewReader(""), &out, &problems); err != nil {
		n.t.Fatalf("snapback %v: %v\n%s", args, err, problems.String())
	}
	return out.String()
}

func (n *night) dropDatabase() {
	n.t.Helper()
	conn, err := pgx.Connect(n.t.Context(), n.env["DATABASE_URL"])
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close(n.t.Context())
	if _, err := conn.Exec(n.t.Context(), `DROP SCHEMA public CASCADE; CREATE SCHEMA public`); err != nil {
		n.t.Fatal(err)
	}
}

// duplicates are the names of a snapshot's duplicates on the engine, which follow from all that can change in it. A former
// one stays for a while.
func (n *night) duplicates(container, name string) (found []string) {
	n.t.Helper()
	all, err := n.Engine().Duplicates(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for _, d := range all {
		if d.Container == container && d.Snapshot == name {
			found = append(found, d.Name)
		}
	}
	return found
}

func (n *night) count(query string) (rows int) {
	n.t.Helper()
	conn, err := pgx.Connect(n.t.Context(), n.env["DATABASE_URL"])
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close(n.t.Context())
	if err := conn.QueryRow(n.t.Context(), query).Scan(&rows); err != nil {
		n.t.Fatal(err)
	}
	return rows
}

func TestSnapshotsComeBackAfterTheDatabaseWasDropped(t *testing.T) {
	n := newNight(t)
	shop := n.Name("shop")
	n.Run(shop, n.labels("--env", "DB_POOL=20", n.Image("v1", `CMD ["/app"]`))...)
	n.env["SNAPBACK_BASELINE_AFTER"] = "300ms"
	bot := n.start()
	n.pollUntil("the bot has seen it", func() bool { return n.count(`SELECT count(*) FROM snapshots WHERE reason = 'baseline'`) > 0 })
	n.snapback("snapshot", "create", shop, "--pre-deploy", "--name", "pre-deploy-2255", "--pin")
	former := n.duplicates(shop, "pre-deploy-2255")
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--env", "DB_POOL=2", n.Image("v2", `CMD ["/app"]`))...)
	n.pollUntil("the deploy is seen", func() bool {
		_, got := n.call("GET", "/containers/"+shop+"/snapshots/pre-deploy-2255", "")
		changes, _ := got["changes"].([]any)
		return len(changes) > 0
	})
	_, before := n.call("GET", "/containers/"+shop+"/snapshots/pre-deploy-2255", "")
	n.pollUntil("the engine has what the deploy has changed as well", func() bool {
		now := n.duplicates(shop, "pre-deploy-2255")
		return slices.ContainsFunc(now, func(name string) bool { return !slices.Contains(former, name) })
	})
	bot.end(t)
	n.dropDatabase()

	n.start()
	if status, got := n.call("GET", "/containers/"+shop+"/snapshots/pre-deploy-2255", ""); status != 404 {
		t.Fatalf("the database still has it: %d %v", status, got)
	}
	if out := n.snapback("snapshot", "rebuild"); !strings.Contains(out, "added     pre-deploy-2255 of "+shop+", pre-deploy, ") {
		t.Errorf("rebuild said:\n%s", out)
	}
	if out := n.snapback("snapshot", "rebuild"); !strings.Contains(out, " 0 added") {
		t.Errorf("rebuild said the second time:\n%s", out)
	}
	_, after := n.call("GET", "/containers/"+shop+"/snapshots/pre-deploy-2255", "")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
	n.snapback("snapshot", "restore", shop, "pre-deploy-2255")
	var rest wire.Restore
	_, got := n.call("GET", "/restores/1", "")
	text, err := json.Marshal(got)
	if err == nil {
		err = json.Unmarshal(text, &rest)
	}
	if err != nil {
		t.Fatal(err)
	}
	if unexpected := (restore.Restore{Differences: rest.Differences}).Unexpected(); len(unexpected) != 0 || rest.State != restore.Verified {
		t.Errorf("the restore is %s, with %+v", rest.State, unexpected)
	}
	if env := n.Docker("inspect", "--format", "{{.Config.Env}}", shop); !strings.Contains(env, "DB_POOL=20") {
		t.Errorf("env is %s", env)
	}
}

func TestRebuildNeedsTheScopeAdmin(t *testing.T) {
	n := newNight(t)
	n.start()
	for scope, want := range map[string]int{"snapshots:write": 403, "restore": 403, "admin": 200} {
		token := strings.TrimSpace(n.snapback("token", "create", "tester", "--scope", scope))
		if status, answer := n.call("POST", "/snapshots/rebuild", "", "Authorization", "Bearer "+token); status != want {
			t.Errorf("with the scope %s: %d %v", scope, status, answer)
		}
	}
}

// awaitKnown waits until the watch has taken note of as many containers. What takes the place of one that it has not is no deploy.
func (n *night) awaitKnown(containers int) {
	n.t.Helper()
	n.pollUntil("the watch knows what runs", func() bool { return n.count(`SELECT count(*) FROM containers`) == containers })
}

// pollUntil waits for what nothing tells of.
func (n *night) pollUntil(what string, is func() bool) {
	n.t.Helper()
	limit, tick := time.After(2*time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			n.t.Fatalf("it did not come to pass that %s", what)
		}
	}
}

func TestRebuildSaysWhatItLeftOut(t *testing.T) {
	t.Parallel()
	out, err := call(t.Context(), t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/snapshots/rebuild" {
			t.Errorf("asked for %s %s", r.Method, r.URL)
		}
		answer(t, w, 200, wire.Rebuilt{
			Found: 3, Known: 1, Added: []wire.Kept{{Container: "api", Name: "a", Reason: snapshot.Manual, CreatedAt: time.Date(2026, 3, 1, 22, 55, 0, 0, time.UTC)}},
			LeftOut: []wire.KeptButNot{{Container: "api", Name: "b\x1b[2J", Why: "its image is gone"}},
		})
	}, newSnapshotCmd, "rebuild")
	want := `3 on the engine: 1 known already, 1 added, 1 left out
  added     a of api, manual, 2026-03-01 22:55Z
  left out  b[2J of api: its image is gone
`
	if diff := cmp.Diff(want, out); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
