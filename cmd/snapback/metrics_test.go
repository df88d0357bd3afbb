package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

// measured is what a bot's metrics say, by name and labels as they are written there.
func (r *running) measured(t *testing.T) map[string]float64 {
	t.Helper()
	resp, err := http.Get(r.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %v\n%s", resp.StatusCode, err, text)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil && strings.HasPrefix(name, "snapback_") {
			values[name] = n
		}
	}
	return values
}

// expect waits until a metric has a value.
func (n *night) expect(metric string, want float64) {
	n.t.Helper()
	n.pollUntil(fmt.Sprintf("%s is %v", metric, want), func() bool {
		got, ok := n.bot.measured(n.t)[metric]
		return ok && got == want
	})
}

// TestMetricsFollowTheNight does what is counted, and looks whether it was.
func TestMetricsFollowTheNight(t *testing.T) {
	n := newNight(t)
	n.env["SNAPBACK_BASELINE_AFTER"] = "300ms"
	shop, image := n.Name("shop"), n.Image("v1", `CMD ["/app"]`)
	n.Run(shop, n.labels("--env", "DB_POOL=20", image)...)
	n.start()
	n.expect(`snapback_snapshots_total{outcome="taken",reason="baseline"}`, 1)
	if status, answer := n.call("POST", "/containers/"+shop+"/snapshots", `{"name":"good"}`); status != 201 {
		t.Fatalf("taking a snapshot: %d %v", status, answer)
	}
	n.call("POST", "/containers/"+shop+"/snapshots", `{"name":"good"}`)
	n.expect(`snapback_snapshots_total{outcome="taken",reason="manual"}`, 1)
	n.expect(`snapback_snapshots_total{outcome="refused",reason="manual"}`, 1)

	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--env", "DB_POOL=2", image)...)
	n.expect(`snapback_deploys_total`, 1)
	n.expect(`snapback_snapshots_total{outcome="taken",reason="pre-deploy"}`, 1)

	began := time.Now()
	n.service.Trigger("High error rate on shop")
	alert := n.channel.ExpectMessage(t, "High error rate on shop", "good")
	n.expect(`snapback_alert_posted_seconds_count`, 1)
	if took := n.bot.measured(t)[`snapback_alert_posted_seconds_sum`]; took <= 0 || took > time.Since(began).Seconds() {
		t.Errorf("posting the alert took %v s", took)
	}

	if answer := n.maria.Tap(alert.Button("Terminal")); answer.Status != 200 {
		t.Fatalf("tapping Terminal: %+v", answer)
	}
	n.openTerminal(linkToken(t, n.maria.ExpectEphemeral(t, n.channel, "/t#")), "DB_POOL=2")
	n.expect(`snapback_terminal_total{event="session_opened",outcome="shell"}`, 1)
	n.expect(`snapback_terminal_sessions`, 1)

	status, answer := n.call("PATCH", "/containers/"+shop+"/snapshots/good", "")
	if status != 200 {
		t.Fatalf("restoring: %d %v", status, answer)
	}
	n.expect(`snapback_restores_total{kind="restore",outcome="verified"}`, 1)
	n.expect(`snapback_restore_phase_seconds_count{phase="swapping"}`, 1)
	n.expect(`snapback_restore_downtime_seconds_count`, 1)
	if status, answer := n.call("POST", fmt.Sprintf("/restores/%v/undo", answer["id"]), ""); status != 200 {
		t.Fatalf("undoing: %d %v", status, answer)
	}
	n.expect(`snapback_restores_total{kind="undo",outcome="verified"}`, 1)

	now := n.bot.measured(t)
	for _, metric := range []string{
		`snapback_db_acquires_total`, `snapback_db_connections_max`, `snapback_engine_disk_used_ratio`, `snapback_engine_disk_limit_ratio`,
		`snapback_ready{check="database"}`, `snapback_ready{check="engine"}`, `snapback_build_info{version="` + versionText() + `"}`,
	} {
		if now[metric] <= 0 {
			t.Errorf("%s is %v", metric, now[metric])
		}
	}
}

// An outage has to be seen while it lasts: in the age of what waits, and in what is not ready.
func TestMetricsShowAnOutage(t *testing.T) {
	n := newNight(t)
	n.start()
	n.slack.Outage(true)
	n.service.Trigger("Nobody hears this")
	n.pollUntil("the alert waits", func() bool {
		now := n.bot.measured(t)
		return now[`snapback_jobs_waiting{kind="slack"}`] >= 1 && now[`snapback_job_oldest_seconds{kind="slack"}`] > 0
	})
	n.slack.Outage(false)
	n.channel.ExpectMessage(t, "Nobody hears this")
	n.expect(`snapback_jobs_waiting{kind="slack"}`, 0)
	n.expect(`snapback_job_oldest_seconds{kind="slack"}`, 0)
}

func TestMetricsSayThatTheDatabaseIsAway(t *testing.T) {
	n := newNight(t)
	u, err := url.Parse(n.env["DATABASE_URL"])
	testkit.OK(t, err)
	query := u.Query()
	if query.Get("host") == "" {
		t.Skip("the database has no socket here that could be cut off")
	}
	l := newLink(t, filepath.Join(query.Get("host"), ".s.PGSQL.5432"))
	query.Set("host", filepath.Dir(l.at))
	u.RawQuery = query.Encode()
	n.env["DATABASE_URL"] = u.String()
	n.start()
	n.expect(`snapback_ready{check="database"}`, 1)
	l.cut()
	n.expect(`snapback_ready{check="database"}`, 0)
	if waiting, told := n.bot.measured(t)[`snapback_jobs_waiting{kind="slack"}`]; told {
		t.Errorf("nobody knows how many jobs wait, and it says %v", waiting)
	}
	l.mend()
	n.expect(`snapback_ready{check="database"}`, 1)
	n.expect(`snapback_jobs_waiting{kind="slack"}`, 0)
}
