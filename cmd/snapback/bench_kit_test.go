package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/storetest"
)

// stage is what the benchmarks play on: the program as people run it, in processes of its own, on a real engine and a
// real Postgres, between stand-ins for Slack and PagerDuty.
type stage struct {
	b *testing.B
	*enginetest.Scope
	slack  *slackfake.Server
	pd     *pagerdutyfake.Server
	maria  *slackfake.User
	binary string
}

// newStage builds the program as make build does, less the version.
func newStage(b *testing.B) *stage {
	b.Helper()
	s := &stage{b: b, Scope: enginetest.New(b), binary: filepath.Join(b.TempDir(), "snapback")}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", s.binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building: %v\n%s", err, out)
	}
	s.slack = slackfake.Start(b, slackfake.Config{BotToken: "xoxb-test", SigningSecret: "signing", Patience: time.Minute})
	s.slack.AddChannel("C0ALERTS", "alerts")
	s.maria = s.slack.AddUser("U0MARIA", "Maria", "maria@example.com")
	s.pd = pagerdutyfake.Start(b, pagerdutyfake.Config{APIToken: "pd-token", Patience: time.Minute, Users: []pagerdutyfake.User{
		{ID: "PMARIA1", Name: "Maria", Email: "maria@example.com"}, {ID: "PBOT001", Name: "Bot", Email: "bot@example.com"},
	}})
	return s
}

// postgres is the address of a fresh database on a server that is not the bot's own.
func (s *stage) postgres() string {
	return storetest.URL(s.b)
}

// servant is one run of serve, in a process of its own.
type servant struct {
	*crowd  // for its gauges
	url     string
	metrics string // the URL of what is measured
	api     *client.Client
}

// serve starts the program until the benchmark ends, with settings besides or instead of its usual ones. Without a database it brings its own.
func (s *stage) serve(database string, settings ...string) *servant {
	s.b.Helper()
	cmd := exec.Command(s.binary, "serve")
	cmd.Env = append(os.Environ(),
		"DATABASE_URL="+database, "SNAPBACK_DATA_DIR="+s.b.TempDir(), "SNAPBACK_LISTEN=127.0.0.1:0", "SNAPBACK_METRICS_LISTEN=127.0.0.1:0",
		"SNAPBACK_PUBLIC_URL=http://localhost:8080", "SNAPBACK_API_TOKEN="+apiToken, "SNAPBACK_ONLY="+s.Only(),
		"SLACK_BOT_TOKEN=xoxb-test", "SLACK_SIGNING_SECRET=signing", "SLACK_CHANNEL=C0ALERTS", "SLACK_API_URL="+s.slack.APIURL(),
		"PAGERDUTY_API_TOKEN=pd-token", "PAGERDUTY_FROM=bot@example.com", "PAGERDUTY_WEBHOOK_SECRETS="+hookSecret,
		"PAGERDUTY_API_URL="+s.pd.URL(), "PAGERDUTY_EVENTS_URL="+s.pd.URL())
	cmd.Env = append(cmd.Env, settings...) // the last of a name counts
	log := &syncBuffer{news: make(chan struct{})}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		s.b.Fatal(err)
	}
	p := &servant{crowd: &crowd{b: s.b, Scope: s.Scope, pid: cmd.Process.Pid}}
	s.b.Cleanup(func() { p.end(cmd, log) })
	p.awaitReady(log)
	text, _ := log.read()
	addresses := readyLine.FindStringSubmatch(text)
	p.url, p.metrics = "http://"+addresses[1], "http://"+addresses[2]
	var err error
	if p.api, err = client.New(p.url, apiToken); err != nil {
		s.b.Fatal(err)
	}
	return p
}

// meet points Slack and PagerDuty at the process.
func (s *stage) meet(p *servant) {
	s.slack.SetEndpoints(slackfake.Endpoints{
		Interactions: p.url + "/slack/interactions", Commands: p.url + "/slack/commands", Events: p.url + "/slack/events",
	})
	s.pd.Subscribe(p.url+"/webhooks/pagerduty", hookSecret)
}

// freePort is a TCP port that nobody listens on; a random published one would be another one after a restart.
// figures are durations of the same thing.
type figures []time.Duration

func (f figures) at(p int) time.Duration {
	if len(f) == 0 {
		return 0
	}
	return percentile(slices.Clone(f), p)
}

func (f figures) ms(p int) float64 { return f.at(p).Seconds() * 1000 }

// table is what a benchmark prints beside its metrics: rows of figures.
type table struct {
	*tabwriter.Writer
	text *strings.Builder
	aims []string
}

func newTable(title string) *table {
	t := &table{text: &strings.Builder{}}
	fmt.Fprintf(t.text, "\n%s (%s; %d cores, load %s)\n", title, time.Now().UTC().Format("2006-01-02 15:04 MST"), runtime.NumCPU(), load())
	t.Writer = tabwriter.NewWriter(t.text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t.Writer, "\tn\tmedian\tp90\tp99\tmin\tmax\t")
	return t
}

func (t *table) row(name string, f figures) {
	ms := func(p int) string { return fmt.Sprintf("%.1f ms", f.ms(p)) }
	fmt.Fprintf(t.Writer, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", name, len(f), ms(50), ms(90), ms(99), ms(0), ms(100))
}

// aim says below the table whether what was aimed for was reached. Missing it fails nothing: it depends on the machine,
// and on what else runs there.
func (t *table) aim(what string, got, most float64) {
	verdict := "reached"
	if got > most {
		verdict = "MISSED"
	}
	t.aims = append(t.aims, fmt.Sprintf("%s: %.2f, aim at most %.2f: %s\n", what, got, most, verdict))
}

// print writes the table to the standard output.
func (t *table) print(b *testing.B) {
	if err := t.Flush(); err != nil {
		b.Fatal(err)
	}
	fmt.Print(t.text.String(), strings.Join(t.aims, ""))
}

// load is what else the machine was doing: the averages over 1, 5 and 15 minutes.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
