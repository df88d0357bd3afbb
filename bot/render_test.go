package bot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

var update = flag.Bool("update", false, "write the golden files anew")

// theView is the message as it is posted first.
func theView() bot.View {
	d := theDeploy()
	return bot.View{
		Incident: theIncident(), Zone: time.UTC, Terminal: true,
		Containers: []bot.ContainerView{{
			Container: theContainer(), Deploy: &d, Examined: true,
			Offers: []restore.Offer{
				{Snapshot: snapshot.Snapshot{Name: "pre-deploy-2255", Reason: snapshot.PreDeploy, CreatedAt: at("22:55")}, Changes: theChanges(), Losses: []string{"volume shop-data stays as it is"}},
				{Snapshot: snapshot.Snapshot{Name: "scheduled-0000", Reason: snapshot.Scheduled, CreatedAt: at("00:00")}},
				{Snapshot: snapshot.Snapshot{Name: "baseline-2100", Reason: snapshot.Baseline, CreatedAt: at("21:00")}, WhyNot: []string{"its image is gone"}},
			},
		}},
	}
}

func acked(v *bot.View) {
	v.Incident.Status, v.Incident.LastAcknowledgedBy, v.Incident.LastAcknowledgedAt = incidents.Acknowledged, "Ann Lee", at("03:43")
}

func restoring(state restore.State, phases int) func(*bot.View) {
	return func(v *bot.View) {
		r := restored()
		r.State, r.Phases, r.VerifiedAt, r.Downtime, r.Proof = state, r.Phases[:phases], time.Time{}, 0, ""
		acked(v)
		v.Restore = &r
	}
}

// onHold is the message after a restore.
func onHold(v *bot.View) {
	restoring(restore.Verified, len(restored().Phases))(v)
	v.Restore.VerifiedAt = at("03:46")
	v.Restore.KeptUntil = at("03:46").Add(24 * time.Hour)
	v.Holds = []snapshot.Hold{{
		ID: 1, Key: v.Containers[0].Container.Key, Container: v.Containers[0].Container.Name, Snapshot: "pre-deploy-2255", Since: at("03:46"), Ref: "shop:1.42",
		Image: snapshot.Image{ID: "sha256:42"}, Changes: append(theChanges(), snapshot.Change{Attribute: "image ID", Before: "41", After: "42"}),
	}}
}

// together makes of the deploy one that has changed four more containers.
func together(v *bot.View) {
	for _, name := range []string{"cron", "mail", "web", "worker"} {
		c := theContainer()
		c.Key, c.ID, c.Name = "k/"+name, "id of "+name, name
		v.Containers[0].With = append(v.Containers[0].With, bot.Mate{Container: c, Deploy: snapshot.Deploy{Key: c.Key, At: at("22:55"), AfterID: c.ID}})
	}
}

// service makes a service of the container, whose tasks are not all well.
func service(v *bot.View) {
	n := snapshot.Tasks{Want: 5, Running: 3, Old: 1, Failed: 2, FailedAt: at("03:41"), Failure: "task: non-zero exit (1)", Update: "paused", Said: "update paused due to failure"}
	c := &v.Containers[0]
	c.Container.Tasks, c.Condition = &n, &snapshot.Condition{At: at("03:42"), State: "running", Health: "unhealthy", Tasks: &n}
}

// unprepared makes one of them wait for an image that can't be had.
func unprepared(v *bot.View) {
	service(v)
	v.Containers[0].Container.Tasks.Held = "failed to resolve reference \"shop:1.41\": network is unreachable"
}

// replacingTasks is the message while the Swarm is at it.
func replacingTasks(v *bot.View) {
	restoring(restore.Started, 4)(v)
	service(v)
	v.Restore.Plan.Service, v.Restore.Key = true, v.Containers[0].Container.Key
	v.Restore.Plan.Doubt = "whether every node can have its image (not on node_2, and its registry does not say)"
}

var renderings = map[string]func(*bot.View){
	"service":         service,
	"task_unprepared": unprepared,
	"replacing_tasks": replacingTasks,
	"triggered":       func(*bot.View) {},
	"on_hold":         onHold,
	"deploy_back": func(v *bot.View) {
		onHold(v)
		c := &v.Containers[0]
		again := theDeploy()
		again.At, c.Since = at("03:58"), &again
		v.Holds[0].BackID, v.Holds[0].BackAt = c.Container.ID, at("03:58")
		v.Told = "✅ Flat since 03:49"
	},
	"own_container": func(v *bot.View) {
		c := &v.Containers[0]
		c.Container.Carries, c.Offers, c.Deploy = "this bot runs in it, or in its network, and would end itself halfway", nil, nil
	},
	"shared_identity": func(v *bot.View) {
		c := &v.Containers[0].Container
		c.Settings.Identity, c.Beside = "api", []string{"other-api-1"}
	},
	"deployed_since": func(v *bot.View) {
		fix := theDeploy()
		fix.At, fix.Before, fix.After, fix.Changes = at("03:50"), "shop:1.42", "shop:1.43", fix.Changes[1:2]
		fix.Changes[0].Before, fix.Changes[0].After = "shop:1.42", "shop:1.43"
		v.Containers[0].Since = &fix
	},
	"no_way_out": func(v *bot.View) {
		c := &v.Containers[0]
		c.Offers = []restore.Offer{
			{Snapshot: snapshot.Snapshot{Name: "baseline-2256", Reason: snapshot.Baseline, CreatedAt: at("22:56")}, Running: true},
			{Snapshot: snapshot.Snapshot{Name: "scheduled-0000", Reason: snapshot.Scheduled, CreatedAt: at("00:00")}, Running: true, Layer: true},
			{Snapshot: snapshot.Snapshot{Name: "before-0336-4", Reason: snapshot.Before, CreatedAt: at("03:36")}, Doubt: "a restore was made away from it"},
		}
	},
	"rolled_back": func(v *bot.View) {
		v.Containers[0].Undone = &snapshot.Undone{Deploy: theDeploy(), By: "pre-deploy-2255", At: at("03:36")}
		v.Containers[0].Offers[0].Running, v.Containers[0].Offers[1].Running = true, true
		restore.Sort(v.Containers[0].Offers)
	},
	"together": together,
	"together_rolled_back": func(v *bot.View) {
		together(v)
		v.Containers[0].Undone = &snapshot.Undone{Deploy: theDeploy(), By: "pre-deploy-2255", At: at("03:36")}
		v.Containers[0].With[0].Container.ID = "another one"
	},
	"nobody_may": func(v *bot.View) {
		v.Containers[0].Container.Settings.RestoreAllow = access.Allow{Rule: access.Nobody}
	},
	"low":          func(v *bot.View) { v.Incident.Urgency = "low"; v.Incident.Priority = "P3" },
	"acknowledged": acked,
	"asked":        func(v *bot.View) { v.Asked = map[incidents.Call]string{incidents.CallAcknowledge: "Ann Lee"} },
	"checking":     restoring(restore.Preflight, 1),
	"swapping":     restoring(restore.Swapping, 3),
	"verified":     func(v *bot.View) { acked(v); r := restored(); v.Restore = &r },
	"verified_not_held": func(v *bot.View) {
		acked(v)
		r := restored()
		r.Plan.Unheld = "the engine does not answer about it"
		v.Restore = &r
	},
	"verified_with_differences": func(v *bot.View) {
		r := restored()
		r.Differences = []snapshot.Difference{{Attribute: "env A", Want: "1", Got: "2"}}
		v.Restore = &r
	},
	"undone": func(v *bot.View) { r := restored(); r.UndoneByID = 32; v.Restore = &r },
	"undo": func(v *bot.View) {
		r := restored()
		r.Kind, r.UndoOf, r.Snapshot, r.KeptUntil = restore.Undoing, 31, "api.before-0346", time.Time{}
		r.Plan.Undoes, r.Plan.Brings = "pre-deploy-2255", "shop:1.42"
		v.Restore = &r
	},
	"refused": func(v *bot.View) {
		restoring(restore.Refused, 2)(v)
		v.Restore.Error = "port 80/tcp is taken by web"
	},
	"reverted": func(v *bot.View) {
		restoring(restore.Reverted, 5)(v)
		v.Restore.Phases = append(v.Restore.Phases, restore.Phase{State: restore.Reverting, Ms: 900})
		v.Restore.Error = "it did not stay up: exited, exit code 1"
	},
	"failed": func(v *bot.View) {
		restoring(restore.Failed, 5)(v)
		v.Restore.Phases = append(v.Restore.Phases, restore.Phase{State: restore.Reverting, Ms: 900})
		v.Restore.Error = "it did not stay up; and then the old container could not be put back. On the engine's host: docker rename 1f1e1d1c1b1a api; docker start 1f1e1d1c1b1a; and look at docker ps -a"
	},
	"spike": func(v *bot.View) { v.Containers[0].Errors = theSpike() },
	"errors_usual": func(v *bot.View) {
		v.Containers[0].Errors = &flat.Alert{Rate: 1, Compared: true, Usual: flat.Baseline{Rate: 1.1}}
	},
	"errors_uncounted": func(v *bot.View) {
		v.Containers[0].Uncounted = "the log can't be read: the log driver none does not keep it where the engine can read it"
	},
	"errors_uncompared": func(v *bot.View) { v.Containers[0].Errors = &flat.Alert{Rate: 12} },
	"falling": func(v *bot.View) {
		acked(v)
		r := restored()
		v.Restore, v.Containers[0].Errors, v.Told = &r, theSpike(), "📉 Falling: 3.0 a minute, was 21, baseline 1.1"
	},
	"flat": func(v *bot.View) { acked(v); v.Incident.FlatAt = at("03:49"); r := restored(); v.Restore = &r },
	"resolved": func(v *bot.View) {
		v.Incident.Status, v.Incident.ResolvedBy, v.Incident.ResolvedAt = incidents.Resolved, "Ann Lee", at("04:10")
	},
	"engine_away": func(v *bot.View) {
		v.Containers, v.Problem = nil, "The container engine does not answer in time, so not everything could be checked. I keep looking."
	},
	"no_containers": func(v *bot.View) { v.Containers = nil },
	"no_deploy":     func(v *bot.View) { v.Containers[0].Deploy, v.Containers[0].Offers = nil, nil },
	"unhealthy":     func(v *bot.View) { v.Containers[0].Container.Health = "unhealthy" },
	"out_of_memory": func(v *bot.View) {
		v.Containers[0].Condition = &snapshot.Condition{
			At: at("03:42"), State: "running", ExitCode: 137, OutOfMemory: true, EndedAt: at("03:41"),
			Restarts: snapshot.Restarts{Times: 7, Since: at("02:42")},
			Memory:   snapshot.Load{Used: 498 << 20, Limit: 512 << 20, Measured: true}, CPU: snapshot.Load{Used: 0.1, Limit: 1, Measured: true},
		}
	},
	"crash_loop": func(v *bot.View) {
		v.Containers[0].Container.State = "restarting"
		v.Containers[0].Condition = &snapshot.Condition{
			At: at("03:42"), State: "restarting", ExitCode: 3, EndedAt: at("03:41"), Restarts: snapshot.Restarts{Times: 4, Since: at("03:39")},
			Lines: []snapshot.LogLine{
				{At: at("03:40").AddDate(0, 0, -3), Text: "ERROR config: DB_POOL too small"}, {At: at("03:39"), Stderr: true, Text: "<!channel> *pool* exhausted"},
				{At: at("03:40"), Stderr: true, Text: "<!channel> *pool* exhausted"}, {Text: "panic: " + strings.Repeat("at shop.go ", 30)}, {At: at("03:41"), Stderr: true, Text: "exiting"},
			},
		}
	},
	"sick": func(v *bot.View) {
		v.Containers[0].Container.Health = "unhealthy"
		v.Containers[0].Condition = &snapshot.Condition{
			At: at("03:42"), State: "running", Restarts: snapshot.Restarts{Since: at("02:42")}, Health: "unhealthy", HealthFails: 4, HealthOutput: "GET /health: connection <refused>",
			CPU: snapshot.Load{Used: 0.49, Limit: 0.5, Measured: true}, Untimely: []string{"log"},
		}
	},
	"killed": func(v *bot.View) {
		v.Containers[0].Condition = &snapshot.Condition{At: at("03:42"), State: "exited", ExitCode: 139, EndedAt: at("03:40"), Restarts: snapshot.Restarts{Since: at("02:42")}}
	},
	"well": func(v *bot.View) {
		v.Containers[0].Condition = &snapshot.Condition{
			At: at("03:42"), State: "running", Restarts: snapshot.Restarts{Since: at("02:42")}, Health: "healthy",
			Memory: snapshot.Load{Used: 300 << 20, Host: 8 << 30, Measured: true}, CPU: snapshot.Load{Used: 1.2, Host: 4, Measured: true},
		}
	},
	"unexamined": func(v *bot.View) { v.Containers[0].Unexamined = context.DeadlineExceeded },
	"two_suspects": func(v *bot.View) {
		second := v.Containers[0]
		second.Container.Key, second.Container.Name = "k/web", "web"
		v.Suspects, v.More, v.Containers = true, 2, append(v.Containers, second)
	},
	"hostile": func(v *bot.View) {
		v.Incident.Title = "<!channel> *now*\n> `x` & \u202egnp.exe"
		v.Incident.Service, v.Incident.URL = "<@U1> _s_ a_b", "javascript:alert(1)"
		v.Containers[0].Deploy.Changes[0] = snapshot.Change{Attribute: "env X", Before: "<!here>", After: "a|b>"}
		v.Containers[0].Offers[0].Changes = []snapshot.Change{{Attribute: "env X", Before: "a|b>", After: "<!here>"}}
	},
}

func TestRendering(t *testing.T) {
	t.Parallel()
	for name, change := range renderings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := theView()
			change(&v)
			r := bot.Render(v)
			got := drawn(t, r)
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			refusedBySlack(t, r)
		})
	}
}

// drawn is a rendering as the golden files have it: what people read, with values and dialogs of what can be tapped.
func drawn(t *testing.T, r bot.Rendering) string {
	t.Helper()
	doc, err := json.Marshal(r.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	m := slackfake.Message{Blocks: doc}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", r.Text, m)
	for _, c := range m.Controls() {
		fmt.Fprintf(&b, "\n%s %q style=%q url=%q\n  %s\n", c.ActionID, c.Label, c.Style, c.URL, c.Value)
		if c.Confirm != nil {
			fmt.Fprintf(&b, "  %s | %s | %s | %s\n", c.Confirm.Title, c.Confirm.Text, c.Confirm.Confirm, c.Confirm.Deny)
		}
	}
	return b.String()
}

// refusedBySlack posts a rendering to the stand-in, which is as strict as Slack about limits.
func refusedBySlack(t *testing.T, r bot.Rendering) {
	t.Helper()
	s := slackfake.New(slackfake.Config{BotToken: token, SigningSecret: secret})
	s.AddChannel("C1", "c")
	doc, err := json.Marshal(map[string]any{"channel": "C1", "text": r.Text, "blocks": r.Blocks})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "/api/chat.postMessage", bytes.NewReader(doc))
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	if !strings.Contains(w.Body.String(), `"ok":true`) {
		t.Errorf("refused: %s", w.Body)
	}
}

// FuzzRendering finds texts that break Slack's limits, its escaping, or UTF-8.
func FuzzRendering(f *testing.F) {
	long := strings.Repeat("ä&<>😀_*", 900)
	f.Add("title", "api", "pre-deploy-2255", "env A", "20", int64(1))
	f.Add(long, long, long, long, long, int64(1)<<62)
	f.Add("", "", "", "", "", int64(0))
	f.Add("<!channel>", "<@U1>", "\xff\xfe", "a\x00b", "`*_~", int64(-1))
	f.Add(strings.Repeat("<", 200), strings.Repeat("&", 300), "x", strings.Repeat("😀", 400), "|>", int64(9))
	f.Fuzz(func(t *testing.T, title, name, snap, attribute, value string, id int64) {
		for _, change := range renderings {
			v := theView()
			change(&v)
			fill(&v, title, name, snap, attribute, value, id)
			r := bot.Render(v)
			refusedBySlack(t, r)
			doc, _ := json.Marshal(r.Blocks)
			for _, bad := range []string{`\u003c!channel`, `\u003c!here`, `\u003c!everyone`, `\u003c@`, `\u003c#`} {
				if strings.Contains(string(doc), bad) {
					t.Errorf("%s got through: %s", bad, doc)
				}
			}
		}
	})
}

func fill(v *bot.View, title, name, snap, attribute, value string, id int64) {
	v.Incident.ID, v.Incident.Title, v.Incident.Service, v.Incident.LastAcknowledgedBy, v.Incident.Number = id, title, name, name, id
	v.Incident.URL, v.Incident.Urgency, v.Incident.ResolvedBy = value, value, name
	for i := range v.Containers {
		c := &v.Containers[i]
		c.Container.Name, c.Container.Image, c.Container.Settings.Runbook = name, value, "https://example.com/"+value
		if c.Deploy != nil {
			c.Deploy.Changes = append(c.Deploy.Changes[:1:1], snapshot.Change{Attribute: attribute, Before: value, After: title}, snapshot.Change{Attribute: "image", Before: value, After: name})
			c.Deploy.Snapshot = snap
		}
		for j := range c.Offers {
			c.Offers[j].Snapshot.Name, c.Offers[j].Losses = snap, []string{attribute, value, title}
		}
	}
	if v.Restore != nil {
		v.Restore.Container, v.Restore.Snapshot, v.Restore.Error, v.Restore.By.Actor.Name, v.Restore.Proof = name, snap, title, name, value
		v.Restore.ID = id
	}
}
