package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/slackfake"
)

var update = flag.Bool("update", false, "write docs/deploy-tools.md instead of comparing with it")

// tool is a way to deploy, which the tests replay step by step: what it does to the engine, and what then has to be true.
type tool struct {
	Name  string
	Does  string // to the engine
	Seen  string // what Snapback makes of it; "": sees each deploy once, brings the version before back, and is replaced by the next deploy
	Set   string // what to set; "" nothing
	needs int    // a version of Compose; 0 none

	identity bool // its containers bear snapback.identity

	// deploy brings up a version, and removes what the tool removes. It returns the engine's ID of what serves the version.
	// nil: nobody knows how to follow it, and the page says so.
	deploy func(r *replay, version string) (id string)
	want   outcome

	loops bool            // something starts it again whenever it ends: how often, and so how many deploys there are, is for a race to say
	also  func(r *replay) // what else has to be true at the end; nil nothing
}

// outcome is what is counted. Versions are what the containers' variable V says: 1 is good, 2 is bad, 3 is the next deploy.
type outcome struct {
	Button    string   // the version that the alert's first button brings back; "" when there is none
	Tapped    []string // what runs after the tap, as name=version
	Running   []string // what runs after the next deploy by the same tool
	Shown     []string // what GET /containers shows then
	Kept      []string // the versions of the snapshots from before deploys, oldest first; of equal ones in a row, one
	Baselines int
	Told      int // deploys; of what is started again and again, those that have changed something
}

// replay is one tool's night.
type replay struct {
	*night
	tool     tool
	image    string
	versions map[string]string // by the engine's ID of all containers that ever were
	project  *enginetest.Project
	compose  enginetest.Compose
	canaries int
	wanted   atomic.Pointer[string] // the version of a unit of systemd
	before   string                 // what the tool remembers of its last deploy
}

// TestDeployTools replays what each tool does: a good deploy, a bad one, the alert, the tap on its first button, and the next deploy.
func TestDeployTools(t *testing.T) {
	for _, one := range tools {
		if one.deploy == nil {
			continue
		}
		t.Run(strings.ReplaceAll(one.Name, "`", ""), func(t *testing.T) {
			if one.needs == 0 {
				newReplay(t, one, enginetest.Compose{}).run()
				return
			}
			enginetest.EachCompose(t, func(t *testing.T, c enginetest.Compose) {
				if c.Version < one.needs {
					t.Skip("it needs Compose 2")
				}
				newReplay(t, one, c).run()
			})
		})
	}
}

func newReplay(t *testing.T, one tool, c enginetest.Compose) *replay {
	t.Helper()
	scope := enginetest.New(t)
	if one.needs == 0 {
		t.Parallel()
	}
	r := &replay{night: newNightOn(t, scope), tool: one, versions: map[string]string{}, compose: c}
	r.env["SNAPBACK_BASELINE_AFTER"] = "400ms"
	r.image = r.Image("shop", `CMD ["/app", "serve", "-addr="]`)
	r.start()
	return r
}

func (r *replay) run() {
	r.t.Helper()
	var got outcome
	r.settled(r.tool.deploy(r, "1"))
	r.settled(r.tool.deploy(r, "2"))
	r.service.Trigger("Checkout error rate above 5 %")
	alert := r.channel.ExpectMessage(r.t, "Checkout error rate above 5 %")
	if button, ok := r.firstButton(alert); ok {
		got.Button = r.leadsTo(button)
		r.maria.Tap(button)
		r.await("the restore is over", `SELECT count(*) FROM restores WHERE state IN ('verified', 'refused', 'reverted', 'failed')`)
		if len(r.tool.want.Tapped) > 0 { // what starts it again may be about to
			r.until("something runs after the restore", func() bool { return len(r.runs()) > 0 })
		}
		got.Tapped = r.runs()
		for _, id := range r.column(`SELECT record->'plan'->>'new_id' FROM restores WHERE state = 'verified'`) {
			r.awaitBaseline(id) // else it depends on how soon the next deploy comes whether there is one
		}
		if r.tool.loops { // and so it does here: what has gone before the bot looks is not told
			r.await("what was started again without a change is told", `SELECT count(*) FROM deploys WHERE key NOT LIKE '%canary%' AND changes = '[]'`)
		}
	}
	r.settled(r.tool.deploy(r, "3"))
	r.fill(&got)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !cmp.Equal(got, r.tool.want) && time.Now().Before(end); <-tick.C {
		r.fill(&got)
	}
	if diff := cmp.Diff(r.tool.want, got); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s\nthe channel:\n%s", r.tool.Name, diff, r.channel)
	}
	if r.tool.also != nil {
		r.tool.also(r)
	}
}

// firstButton waits while the bot says that it keeps looking: a busy engine does not answer in the time that an alert has.
func (r *replay) firstButton(alert slackfake.Message) (button slackfake.Control, ok bool) {
	r.t.Helper()
	r.until("the alert has its buttons", func() bool {
		now := alert.Now()
		button, ok = restoreButton(now)
		return ok || r.tool.want.Button == "" && !now.Contains("I keep looking")
	})
	return button, ok
}

func restoreButton(alert slackfake.Message) (slackfake.Control, bool) {
	all := alert.Controls()
	i := slices.IndexFunc(all, func(c slackfake.Control) bool { return strings.HasPrefix(c.Label, "Restore ") })
	if i < 0 {
		return slackfake.Control{}, false
	}
	return all[i], true
}

// settled waits until the bot has seen what serves the last deploy, and then for long enough that it would have seen anything
// else: until another container, which was started later, has its baseline.
func (r *replay) settled(id string) {
	r.t.Helper()
	r.runs()
	r.await("the bot knows what runs", `SELECT count(*) FROM containers WHERE engine_id = '`+id+`'`)
	if r.versions[id] == "1" {
		r.awaitBaseline(id)
	}
	r.canaries++
	canary := r.Run(r.Name(fmt.Sprint("canary", r.canaries)), r.image)
	r.awaitBaseline(canary)
	r.Docker("rm", "-f", canary)
}

func (r *replay) awaitBaseline(id string) {
	r.t.Helper()
	r.await("the baseline is taken", `SELECT count(*) FROM snapshots WHERE reason = 'baseline' AND container_id = '`+id+`'`)
}

// await waits until a query counts something.
func (r *replay) await(what, query string) {
	r.t.Helper()
	r.until(what, func() bool { return r.count(query) > 0 })
}

func (r *replay) until(what string, is func() bool) {
	r.t.Helper()
	limit, tick := time.After(2*time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			r.t.Fatalf("it did not come to pass that %s:\n%s", what, r.channel)
		}
	}
}

// runs are this test's running containers, as name=version.
func (r *replay) runs() []string {
	r.t.Helper()
	running := []string{}
	for _, id := range strings.Fields(r.Docker("ps", "-aq", "--no-trunc", "--filter", "label="+r.Only())) {
		out, err := r.Try("inspect", "-f", `{{.Name}} {{.State.Running}} {{range .Config.Env}}{{if eq (slice . 0 2) "V="}}{{slice . 2}}{{end}}{{end}}`, id)
		if parts := strings.Fields(out); err == nil && len(parts) == 3 {
			r.versions[id] = parts[2]
			if parts[1] == "true" {
				running = append(running, r.plain(parts[0])+"="+parts[2])
			}
		}
	}
	slices.Sort(running)
	return running
}

// plain is a name without what makes it this test's.
func (r *replay) plain(name string) string {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "/"), r.Name(""))
	if r.compose.Version == 1 { // which writes proj_web_1
		name = strings.ReplaceAll(name, "_", "-")
	}
	return name
}

// Night is a name of this test's.
func (r *replay) Night(name string) string { return r.Scope.Name(name) }

// leadsTo is the version that a button would bring back.
func (r *replay) leadsTo(button slackfake.Control) string {
	name, of, _ := strings.Cut(strings.TrimPrefix(button.Label, "Restore "), " (")
	which := `name = '` + name + `'`
	if of != "" {
		which += ` AND container = '` + strings.TrimSuffix(of, ")") + `'`
	}
	return strings.Join(r.versionsOf(which), " or ")
}

// versionsOf are those of the snapshots that there are.
func (r *replay) versionsOf(which string) []string {
	r.t.Helper()
	found := []string{}
	for _, id := range r.column(`SELECT container_id FROM snapshots WHERE deleted_at IS NULL AND container NOT LIKE '%canary%' AND ` + which + ` ORDER BY created_at, id`) {
		found = append(found, r.versions[id])
	}
	return found
}

func (r *replay) fill(o *outcome) {
	r.t.Helper()
	o.Running = r.runs()
	o.Shown = r.shown()
	o.Kept = slices.Compact(r.versionsOf(`reason = 'pre-deploy'`))
	o.Baselines = r.count(`SELECT count(*) FROM snapshots WHERE reason = 'baseline' AND deleted_at IS NULL AND container NOT LIKE '%canary%'`)
	told := `SELECT count(*) FROM deploys WHERE key NOT LIKE '%canary%'`
	if r.tool.loops { // how often it is started while a restore tries to win is a matter of speed
		told += ` AND changes <> '[]'`
	}
	o.Told = r.count(told)
}

// column reads the first column of a query.
func (r *replay) column(query string) []string {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), r.env["DATABASE_URL"])
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close(r.t.Context())
	rows, err := conn.Query(r.t.Context(), query)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// shown is what people see that the bot looks after.
func (r *replay) shown() []string {
	r.t.Helper()
	_, answer := r.call("GET", "/containers", "")
	var list struct {
		Containers []struct{ Name, State string }
	}
	raw, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(raw, &list)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	found := []string{}
	for _, c := range list.Containers {
		if !strings.Contains(c.Name, "canary") {
			found = append(found, fmt.Sprintf("%s %s", r.plain(c.Name), c.State))
		}
	}
	slices.Sort(found)
	return found
}

// up starts a container of a version, and returns its ID.
func (r *replay) up(name, version string, args ...string) string {
	r.t.Helper()
	id := r.create(name, version, args...)
	r.Docker("start", id)
	return id
}

func (r *replay) create(name, version string, args ...string) string {
	r.t.Helper()
	all := []string{"create", "--name", r.Name(name), "--env", "V=" + version}
	for _, label := range r.labelsOf() {
		all = append(all, "--label", label)
	}
	return r.Docker(append(append(all, args...), r.image)...)
}

// labelsOf are those of every container of the tool.
func (r *replay) labelsOf() []string {
	all := []string{"snapback.enable=true", r.Only(), "snapback.pagerduty.service=PSHOP01"}
	if r.tool.identity {
		all = append(all, "snapback.identity="+r.Name("api"))
	}
	return all
}

// end stops a container, if it is there.
func (r *replay) end(name string) { _, _ = r.Try("stop", "-t", "1", r.Name(name)) }

// drop removes a container, if it is there.
func (r *replay) drop(name string) { _, _ = r.Try("rm", r.Name(name)) }

// rename renames a container, if it is there.
func (r *replay) rename(from, to string) { _, _ = r.Try("rename", r.Name(from), r.Name(to)) }

// TestDeployToolsAreWrittenDown checks that docs/deploy-tools.md is what the table says, which TestDeployTools replays.
func TestDeployToolsAreWrittenDown(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "deploy-tools.md")
	want := deployToolsPage()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("docs/deploy-tools.md is not what the table says (-docs +table); write it with -update:\n%s", diff)
	}
}

func deployToolsPage() string {
	var works, minds strings.Builder
	for _, one := range tools {
		if one.Seen == "" {
			fmt.Fprintf(&works, "| %s | %s | %s |\n", one.Name, one.Does, one.Set)
		} else {
			fmt.Fprintf(&minds, "| %s | %s | %s | %s |\n", one.Name, one.Does, one.Seen, one.Set)
		}
	}
	return fmt.Sprintf(`# Deploy tools

## Mind these

| tool | what it does | what Snapback does | set or do |
|---|---|---|---|
%s
## These work

Each deploy is seen once. The alert's first button brings back the version before, and the tool's next deploy replaces that.

| tool | what it does | set |
|---|---|---|
%s
Written by `+"`go test ./cmd/snapback -run TestDeployToolsAreWrittenDown -update`"+`. `+"`TestDeployTools`"+` replays each line: a good deploy, a
bad one, the alert, its button, the next deploy.
`, &minds, &works)
}
