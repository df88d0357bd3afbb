package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/storetest"
)

// What is promised, and for what.
const (
	fleetSize    = 200
	fleetDeploys = 100
	deployEvery  = 1200 * time.Millisecond // 50 a minute
	idleFor      = time.Minute
	promisedLag  = 2 * time.Second
	promisedMB   = 120
	promisedIdle = 2.0 // percent of a core
)

// crowd is a bot in a process of its own beside many containers.
type crowd struct {
	b *testing.B
	*enginetest.Scope
	pd    *pagerdutyfake.Server
	conn  *pgx.Conn
	pid   int
	image string

	killed bool // it does not end in order
}

// BenchmarkWatchAtScale takes some six minutes: to start the containers, to keep a baseline of each, to be idle, to deploy,
// and to remove everything.
func BenchmarkWatchAtScale(b *testing.B) {
	c := &crowd{b: b, Scope: enginetest.New(b)}
	c.image = c.Image("shop", `CMD ["/app", "serve", "-addr="]`)
	b.Cleanup(c.removeAll)
	c.all(func(ctx context.Context, i int) error { _, err := c.run(ctx, i, 0); return err })
	c.serve()
	for b.Loop() {
		c.measure()
	}
}

func (c *crowd) measure() {
	began := time.Now()
	c.until(5*time.Minute, fmt.Sprint(fleetSize, " baselines"), `SELECT count(DISTINCT key) FROM snapshots WHERE reason = 'baseline'`, fleetSize)
	c.b.Logf("%d baselines after %s, VmRSS %d MB", fleetSize, time.Since(began).Round(time.Second), c.memory("VmRSS"))
	idle := c.idle()
	listed := time.Now()
	if _, err := c.Engine().List(context.Background()); err != nil {
		c.b.Error(err)
	}
	c.b.Logf("asking the engine about each of %d containers, as the watch does every 30 s: %s", fleetSize, time.Since(listed).Round(time.Millisecond))
	deployed := c.deploy()
	c.until(time.Minute, fmt.Sprint(fleetDeploys, " deploys with the state from before"), `SELECT count(*) FROM deploys WHERE snapshot <> ''`, fleetDeploys)
	fromStart, fromBegin := c.lags(deployed)
	told := len(c.pd.ChangeEvents())
	c.b.Logf("new container started → deploy recorded: %s", lagWords(fromStart))
	c.b.Logf("old container ended → deploy recorded: %s", lagWords(fromBegin))
	c.b.Logf("idle CPU %.2f %% of a core over %s; peak memory %d MB; %d change events so far", idle, idleFor, c.memory("VmHWM"), told)
	c.b.ReportMetric(percentile(fromStart, 99).Seconds()*1000, "p99-ms")
	c.b.ReportMetric(float64(c.memory("VmHWM")), "peak-MB")
	c.b.ReportMetric(idle, "idle-%cpu")
	if p99 := percentile(fromStart, 99); p99 > promisedLag {
		c.b.Errorf("p99 is %s, want at most %s", p99, promisedLag)
	}
	if mb := c.memory("VmHWM"); mb > promisedMB {
		c.b.Errorf("the bot took %d MB, want at most %d", mb, promisedMB)
	}
	if idle > promisedIdle {
		c.b.Errorf("the idle bot took %.2f %% of a core, want at most %.0f", idle, promisedIdle)
	}
}

func (c *crowd) name(i int) string { return c.Name(fmt.Sprintf("api%03d", i)) }

// all does something to each of the containers, a few at a time.
func (c *crowd) all(do func(ctx context.Context, i int) error) {
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(4)
	for i := range fleetSize {
		group.Go(func() error { return do(ctx, i) })
	}
	if err := group.Wait(); err != nil {
		c.b.Error(err)
	}
}

func (c *crowd) removeAll() {
	c.all(func(ctx context.Context, i int) error {
		err := c.Engine().Client().ContainerRemove(ctx, c.name(i), container.RemoveOptions{Force: true})
		if err != nil && !strings.Contains(err.Error(), "No such container") {
			return err
		}
		return nil
	})
}

// run starts one without a network: what a bridge costs is not what is measured.
func (c *crowd) run(ctx context.Context, i, round int) (string, error) {
	key, value, _ := strings.Cut(c.Only(), "=")
	cli := c.Engine().Client()
	made, err := cli.ContainerCreate(ctx, &container.Config{
		Image: c.image, Env: []string{fmt.Sprint("ROUND=", round), "API_KEY=topsecret"}, Labels: map[string]string{"snapback.enable": "true", key: value},
	}, &container.HostConfig{NetworkMode: "none"}, nil, nil, c.name(i))
	if err != nil {
		return "", err
	}
	return made.ID, cli.ContainerStart(ctx, made.ID, container.StartOptions{})
}

// serve starts the bot as people do, with the settings that they have.
func (c *crowd) serve() {
	binary := filepath.Join(c.b.TempDir(), "snapback")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		c.b.Fatalf("building: %v\n%s", err, out)
	}
	url := storetest.URL(c.b)
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		c.b.Fatal(err)
	}
	c.conn = conn
	c.b.Cleanup(func() { _ = conn.Close(context.Background()) })
	slack := slackfake.Start(c.b, slackfake.Config{BotToken: "xoxb-test", SigningSecret: "signing"})
	slack.AddChannel("C0ALERTS", "alerts")
	c.pd = pagerdutyfake.Start(c.b, pagerdutyfake.Config{APIToken: "pd-token"})
	cmd := exec.Command(binary, "serve")
	cmd.Env = append(os.Environ(),
		"DATABASE_URL="+url, "SNAPBACK_DATA_DIR="+c.b.TempDir(), "SNAPBACK_LISTEN=127.0.0.1:0", "SNAPBACK_METRICS_LISTEN=127.0.0.1:0",
		"SNAPBACK_PUBLIC_URL=http://localhost:8080", "SNAPBACK_ONLY="+c.Only(), "SLACK_BOT_TOKEN=xoxb-test", "SLACK_SIGNING_SECRET=signing",
		"SLACK_CHANNEL=C0ALERTS", "SLACK_API_URL="+slack.APIURL(), "PAGERDUTY_API_TOKEN=pd-token", "PAGERDUTY_FROM=bot@example.com",
		"PAGERDUTY_WEBHOOK_SECRETS="+hookSecret, "PAGERDUTY_API_URL="+c.pd.URL(), "PAGERDUTY_EVENTS_URL="+c.pd.URL(),
		"PAGERDUTY_ROUTING_KEY="+c.pd.AddService("PSHOP01", "Shop").RoutingKey())
	log := &syncBuffer{news: make(chan struct{})}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		c.b.Fatal(err)
	}
	c.pid = cmd.Process.Pid
	c.b.Cleanup(func() { c.end(cmd, log) })
	c.awaitReady(log)
}

func (c *crowd) end(cmd *exec.Cmd, log *syncBuffer) {
	if c.killed {
		_ = cmd.Wait() // how it ended is known
		return
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		c.b.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		c.b.Error(err)
	}
	text, _ := log.read()
	for line := range strings.Lines(text) {
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
			c.b.Log(strings.TrimSpace(line))
		}
	}
}

func (c *crowd) awaitReady(log *syncBuffer) {
	deadline := time.After(time.Minute)
	for {
		text, news := log.read()
		if readyLine.MatchString(text) {
			return
		}
		select {
		case <-news:
		case <-deadline:
			c.b.Fatalf("serve is not ready:\n%s", text)
		}
	}
}

// until waits until a query gives a number.
func (c *crowd) until(limit time.Duration, what, query string, want int) {
	c.b.Helper()
	deadline, tick := time.After(limit), time.NewTicker(250*time.Millisecond)
	defer tick.Stop()
	for got := -1; got != want; {
		select {
		case <-tick.C:
		case <-deadline:
			c.b.Fatalf("%d instead of %s", got, what)
		}
		if err := c.conn.QueryRow(context.Background(), query).Scan(&got); err != nil {
			c.b.Fatal(err)
		}
	}
}

// idle is how much of a core the bot takes while nothing happens, in percent.
func (c *crowd) idle() float64 {
	before := c.cpu()
	<-time.After(idleFor) // the measurement is this long
	return 100 * (c.cpu() - before).Seconds() / idleFor.Seconds()
}

// cpu is the time that the bot has used, after proc(5): fields 14 and 15 of stat, in hundredths of a second.
func (c *crowd) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid))
	if err != nil {
		c.b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var sum int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			c.b.Fatal(err)
		}
		sum += n
	}
	return time.Duration(sum) * 10 * time.Millisecond
}

// memory is a line of the bot's /proc/…/status, in MB.
func (c *crowd) memory(line string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		c.b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), line+":")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		c.b.Fatal(err)
	}
	return kb / 1024
}

// deploy replaces one container after another, at the promised pace however long each takes, and returns when the new
// ones started, by the engine's clock.
func (c *crowd) deploy() map[string]time.Time {
	ids := make([]string, fleetDeploys)
	group, ctx := errgroup.WithContext(context.Background())
	tick := time.NewTicker(deployEvery)
	defer tick.Stop()
	began := time.Now()
	for i := range fleetDeploys {
		<-tick.C
		group.Go(func() (err error) {
			if err = c.Engine().Client().ContainerRemove(ctx, c.name(i), container.RemoveOptions{Force: true}); err != nil {
				return err
			}
			ids[i], err = c.run(ctx, i, 1)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		c.b.Fatal(err)
	}
	c.b.Logf("%d deploys in %s", fleetDeploys, time.Since(began).Round(time.Second))
	started := map[string]time.Time{}
	for _, id := range ids {
		var doc struct{ State struct{ StartedAt time.Time } }
		if err := json.Unmarshal(c.Raw(id), &doc); err != nil {
			c.b.Fatal(err)
		}
		started[id] = doc.State.StartedAt
	}
	return started
}

func (c *crowd) lags(started map[string]time.Time) (fromStart, fromBegin []time.Duration) {
	rows, err := c.conn.Query(context.Background(), `SELECT source->>'native_id', occurred_at, recorded_at FROM timeline WHERE kind = 'deploy'`)
	if err != nil {
		c.b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var occurred, recorded time.Time
		if err := rows.Scan(&id, &occurred, &recorded); err != nil {
			c.b.Fatal(err)
		}
		at, ours := started[id]
		if !ours {
			c.b.Errorf("a deploy of %.12s was recorded, which was none", id)
			continue
		}
		fromStart, fromBegin = append(fromStart, recorded.Sub(at)), append(fromBegin, recorded.Sub(occurred))
	}
	if err := rows.Err(); err != nil || len(fromStart) != fleetDeploys {
		c.b.Fatalf("%d deploys are on the timeline: %v", len(fromStart), err)
	}
	return fromStart, fromBegin
}

func percentile(d []time.Duration, p int) time.Duration {
	slices.Sort(d)
	return d[min(len(d)*p/100, len(d)-1)]
}

func lagWords(d []time.Duration) string {
	ms := func(p int) time.Duration { return percentile(d, p).Round(time.Millisecond) }
	return fmt.Sprintf("n=%d p50=%s p90=%s p99=%s max=%s", len(d), ms(50), ms(90), ms(99), ms(100))
}
