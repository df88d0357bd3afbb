package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
)

// herd is three bots on one database and one engine. Each has a line of its own to both, which can be cut.
type herd struct {
	*crash
	bots []*member
}

type member struct {
	*process
	dir    string
	name   string // by which the database knows it
	line   *link  // to Postgres
	engine *enginefault.Proxy
}

func newHerd(t *testing.T) *herd {
	needsCrashes(t)
	t.Helper()
	n := newNight(t)
	h := &herd{crash: &crash{night: n, direct: n.env["DATABASE_URL"], name: n.Name("shop"), announces: map[string]bool{}}}
	n.env["SNAPBACK_BASELINE_AFTER"] = "1s"
	n.env["SNAPBACK_SECRET_KEYS"] = "a:" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	h.openStore()
	for range 3 {
		m := &member{dir: t.TempDir(), line: ownLine(t, h.direct), engine: enginefault.Start(t, n.Host(), n.Only())}
		h.boots(m)
		name, err := os.ReadFile(filepath.Join(m.dir, "bot-name"))
		testkit.OK(t, err)
		m.name = strings.TrimSpace(string(name))
		h.bots = append(h.bots, m)
	}
	h.pollUntil("all three are there", func() bool { return n.count(`SELECT count(*) FROM bots`) == 3 })
	return h
}

// ownLine is a line to the database of that URL.
func ownLine(t *testing.T, direct string) *link {
	t.Helper()
	u, err := url.Parse(direct)
	testkit.OK(t, err)
	if socket := u.Query().Get("host"); socket != "" {
		return newLink(t, filepath.Join(socket, ".s.PGSQL.5432"))
	}
	return newEndpoint(t, u.Host)
}

// lineURL is the database's, through a line.
func lineURL(t *testing.T, direct string, l *link) string {
	t.Helper()
	u, err := url.Parse(direct)
	testkit.OK(t, err)
	if query := u.Query(); query.Get("host") != "" {
		query.Set("host", filepath.Dir(l.at))
		u.RawQuery = query.Encode()
		return u.String()
	}
	u.Host = l.at
	return u.String()
}

// boots starts a bot on its own lines.
func (h *herd) boots(m *member) {
	h.t.Helper()
	own := *h.night // whose settings others read meanwhile
	own.env = maps.Clone(h.env)
	own.env["DATABASE_URL"], own.env["DOCKER_HOST"] = lineURL(h.t, h.direct, m.line), m.engine.Host()
	m.process = (&crash{night: &own}).boot(m.dir)
}

// leader is the bot that looks after the engine, and one that does not. Slack and PagerDuty turn to the latter, as a balancer has them do.
func (h *herd) leader() (leader, other *member) {
	h.t.Helper()
	h.pollUntil("one of them leads", func() bool {
		leader, other = nil, nil
		for _, m := range h.bots {
			if h.count(fmt.Sprintf(`SELECT count(*) FROM watch_leads WHERE bot = '%s' AND until > now()`, m.name)) == 1 {
				leader = m
			} else {
				other = m
			}
		}
		return leader != nil
	})
	h.slack.SetEndpoints(slackfake.Endpoints{
		Interactions: other.url + "/slack/interactions", Commands: other.url + "/slack/commands", Events: other.url + "/slack/events",
	})
	if h.hook == nil {
		h.hook = h.pd.Subscribe(other.url+"/webhooks/pagerduty", hookSecret)
	} else {
		h.hook.Redirect(other.url + "/webhooks/pagerduty")
	}
	return leader, other
}

// runsShop runs the shop: a deploy, when it runs already.
func (h *herd) runsShop(pool, image string) {
	h.t.Helper()
	if h.runs != "" {
		h.Docker("rm", "-f", h.name)
	}
	h.runs = h.Run(h.name, h.labels("--env", "DB_POOL="+pool, h.Image(image, `CMD ["/app"]`))...)
}

// troubles are what may befall a bot. Each begins, and has passed when what it returns was called.
var troubles = map[string]func(h *herd, m *member) (pass func()){
	"stopped": func(_ *herd, m *member) func() {
		m.signal(syscall.SIGSTOP)
		return func() { m.signal(syscall.SIGCONT) }
	},
	"stopped for a minute": func(_ *herd, m *member) func() { // for longer than a bot counts as there
		m.signal(syscall.SIGSTOP)
		over := time.After(watch.PresentFor + 5*time.Second)
		return func() {
			<-over
			m.signal(syscall.SIGCONT)
		}
	},
	"killed": func(h *herd, m *member) func() {
		m.kill()
		return func() { h.boots(m) }
	},
	"without database": func(_ *herd, m *member) func() {
		m.line.cut()
		return m.line.mend
	},
	"without engine": func(_ *herd, m *member) func() {
		m.engine.Down()
		return m.engine.Up
	},
}

// TestOneOfThreeBotsIsStoppedOrCutOffAndOneActs has the bot that leads fall out before a deploy, and come back in the middle of the restore
// that follows; then the one that runs the undo falls out in the middle of it, and comes back after.
func TestOneOfThreeBotsIsStoppedOrCutOffAndOneActs(t *testing.T) {
	for name, befalls := range troubles {
		t.Run(name, func(t *testing.T) {
			h := newHerd(t)
			h.runsShop("20", "v1")
			h.pollUntil("the good state is kept", func() bool { return h.count(`SELECT count(*) FROM snapshots WHERE reason = 'baseline'`) == 1 })
			leads, _ := h.leader()
			pass := befalls(h, leads)
			h.runsShop("2", "v2")
			h.pollUntil("the deploy is seen", func() bool { return h.count(`SELECT count(*) FROM deploys`) == 1 })
			h.service.Trigger("High error rate on shop")
			alert := h.channel.ExpectMessage(t, "High error rate on shop", "[Restore ")
			swapping := h.when(restore.Swapping, pass)
			h.taps(alert, "Restore ")
			alert = h.verified(alert, 1, "[Undo]", "20", leads)
			<-swapping

			var runs *member
			fell := h.when(restore.Swapping, func() {
				for _, m := range h.bots {
					if h.count(fmt.Sprintf(`SELECT count(*) FROM restores WHERE undo_of IS NOT NULL AND lease_owner = '%s'`, m.name)) == 1 {
						runs = m
						pass = befalls(h, m)
					}
				}
			})
			for _, m := range h.bots { // its swap waits for that
				m.engine.Arm(&enginefault.Fault{On: enginefault.Of(enginefault.Startup), Before: func(enginefault.Call) { <-fell }})
			}
			h.taps(alert, "Undo")
			<-fell
			if runs == nil {
				t.Fatal("no bot ran the undo")
			}
			h.pollUntil("the undo is over", func() bool { return h.count(`SELECT count(*) FROM restores WHERE state = 'verified'`) == 2 })
			pass()
			h.verified(alert, 2, "[Restore ", "2", runs)
			h.counts(alert)
		})
	}
}

// taps taps a button whose label has that in it.
func (h *herd) taps(alert slackfake.Message, label string) {
	h.t.Helper()
	if answer := h.maria.Tap(alert.Now().Button(label)); answer.Status != http.StatusOK {
		h.t.Fatalf("tapping %s: %+v", label, answer)
	}
}

// verified waits until so many restores are, all is told, and the bot that fell out is there again and has nothing left to do.
func (h *herd) verified(alert slackfake.Message, restores int, button, pool string, back *member) slackfake.Message {
	h.t.Helper()
	h.pollUntil("the restore is over", func() bool {
		return h.count(`SELECT count(*) FROM restores WHERE state = 'verified'`) == restores && h.count(`SELECT count(*) FROM restores`) == restores
	})
	alert = alert.ExpectUpdate(h.t, button)
	began := h.count(`SELECT extract(epoch FROM now())::int`)
	h.pollUntil("it is back", func() bool {
		return h.count(fmt.Sprintf(`SELECT count(*) FROM bots WHERE name = '%s' AND seen_at > to_timestamp(%d)`, back.name, began)) == 1
	})
	h.pollUntil("no job is left", func() bool {
		return h.count(`SELECT count(*) FROM river_job WHERE state IN ('available', 'running', 'retryable')`) == 0
	})
	if env := h.Docker("inspect", "--format", "{{.Config.Env}}", h.name); !strings.Contains(env, "DB_POOL="+pool) {
		h.t.Errorf("it runs with %s", env)
	}
	return alert
}

// counts sees to it that nothing was done twice.
func (h *herd) counts(alert slackfake.Message) {
	h.t.Helper()
	for what, query := range map[string]string{
		"snapshots before the deploy": `SELECT count(*) FROM snapshots WHERE reason = 'pre-deploy'`,
		"deploys told":                `SELECT count(*) FROM timeline WHERE kind = 'deploy' AND incident_id IS NULL`,
		"incidents":                   `SELECT count(*) FROM incidents`,
		"restores asked for":          `SELECT count(*) - 1 FROM timeline WHERE kind = 'restore.requested'`,
		"restores verified":           `SELECT count(*) - 1 FROM timeline WHERE kind = 'restore.verified'`,
		"restores without trouble":    `SELECT count(*) + 1 FROM timeline WHERE kind IN ('restore.reverted', 'restore.failed', 'refused', 'engine.away')`,
	} {
		if got := h.count(query); got != 1 {
			h.t.Errorf("%s: %d, want 1", what, got)
			for _, e := range h.entries() {
				h.t.Logf("%d %s %s", e.IncidentID, e.Kind, e.Summary)
			}
		}
	}
	if all := h.channel.Messages(); len(all) != 1 {
		h.t.Errorf("%d messages:\n%s", len(all), h.channel)
	}
	said := map[string]int{}
	for _, reply := range alert.Now().Replies {
		said[reply.String()]++
		if text := reply.String(); said[text] == 2 && text != "(deleted)" { // pictures, which give way to newer ones
			h.t.Errorf("told twice: %s", text)
		}
	}
	names := 0
	for range strings.Lines(h.Docker("ps", "--all", "--format", "{{.Names}}", "--filter", "name="+h.name) + "\n") {
		names++
	}
	if running := h.Docker("ps", "--quiet", "--filter", "name="+h.name); strings.Count(strings.TrimSpace(running), "\n") != 0 || running == "" {
		h.t.Errorf("of the shop run: %q", running)
	}
	if names != 2 { // what the undo has put back, and what it has replaced
		h.t.Errorf("%d containers of the shop's are left:\n%s", names, h.Docker("ps", "--all", "--filter", "name="+h.name))
	}
	h.checkTimeline()
}
