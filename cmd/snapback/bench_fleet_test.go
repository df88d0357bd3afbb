package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/internal/enginetest"
)

// What BenchmarkFleet is played with. SNAPBACK_FLEET=2x50 has two engines with fifty containers each.
const (
	fleetBots   = 3
	manyEngines = 10   // fewer where the machine has not the memory for them
	fleetHas    = 1000 // containers in all
	runOnEach   = 10   // the others are made, and never started: the engine lists them all the same
	engineTakes = 400  // MB, with its containers
	swapsOnEach = 10
	fleetTakes  = 10 * time.Minute
	wholeFleet  = `SELECT count(*) FROM containers WHERE gone_at IS NULL`
)

// armada is several bots in processes of their own beside several engines, each of the benchmark's own, and one database.
type armada struct {
	*stage
	db      *pgx.Conn
	engines []*enginetest.Scope
	images  []string
	each    int // containers on each engine
	bots    []*servant
	names   []string // of the bots, in the database
}

// BenchmarkFleet takes some six minutes: to make the containers, to be idle, to deploy, and to lose a bot.
func BenchmarkFleet(b *testing.B) {
	engines := enginesThatFit(b)
	a := &armada{stage: newStage(b), each: fleetHas / engines}
	if size := os.Getenv("SNAPBACK_FLEET"); size != "" {
		if _, err := fmt.Sscanf(size, "%dx%d", &engines, &a.each); err != nil || a.each < runOnEach {
			b.Fatalf("SNAPBACK_FLEET=%s: want 2x50, and at least %d", size, runOnEach)
		}
	}
	for range engines {
		on := enginetest.On(b, enginetest.StartDaemonApart(b).Host())
		a.engines, a.images = append(a.engines, on), append(a.images, on.Image("shop", `CMD ["/app", "serve", "-addr="]`))
	}
	a.everywhere(func(ctx context.Context, on, i int) error { _, err := a.put(ctx, on, i, 0); return err })
	a.bring()
	for b.Loop() {
		a.measure()
	}
	b.ReportMetric(0, "ns/op") // what it takes is the making
}

// enginesThatFit is how many the machine has the memory for, of those that are wanted: at least two.
func enginesThatFit(b *testing.B) int {
	b.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "MemAvailable:")
	var kB int
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		b.Fatalf("reading how much memory is free: %v", err)
	}
	fit := min(manyEngines, max(2, kB/1024/engineTakes))
	if fit < manyEngines {
		fmt.Printf("%d engines and not %d: %d MB of memory are free, and each takes up to %d\n", fit, manyEngines, kB/1024, engineTakes)
	}
	return fit
}

// bring starts the bots, one after the other.
func (a *armada) bring() {
	url := a.postgres()
	db, err := pgx.Connect(context.Background(), url)
	if err != nil {
		a.b.Fatal(err)
	}
	a.db = db
	a.b.Cleanup(func() { _ = db.Close(context.Background()) })
	var where []string
	for i, on := range a.engines {
		where = append(where, fmt.Sprintf("e%d=%s", i, on.Host()))
	}
	keys := "SNAPBACK_SECRET_KEYS=k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	for range fleetBots {
		dir := a.b.TempDir()
		bot := a.serve(url, "SNAPBACK_ENGINES="+strings.Join(where, ","), keys, "SNAPBACK_BASELINE_AFTER=10s", "SNAPBACK_DATA_DIR="+dir)
		name, err := botName(filepath.Join(dir, "bot-name"))
		if err != nil {
			a.b.Fatal(err)
		}
		bot.conn = db
		a.bots, a.names = append(a.bots, bot), append(a.names, name)
	}
}

func (a *armada) measure() {
	all, running := a.each*len(a.engines), runOnEach*len(a.engines)
	began := time.Now()
	a.until(wholeFleet, all)
	known := time.Since(began)
	a.until(`SELECT count(DISTINCT key) FROM snapshots WHERE reason = 'baseline'`, running)
	fmt.Printf("\n%d bots, %d engines, %d containers, of which %d run (load %s)\n", len(a.bots), len(a.engines), all, running, load())
	fmt.Printf("all containers known after %s, a baseline of each that runs after %s\n", known.Round(time.Second), time.Since(began).Round(time.Second))
	a.idle()
	a.swap()
	a.lose()
}

// until waits until a query gives a number.
func (a *armada) until(query string, want int) {
	a.b.Helper()
	a.bots[0].until(fleetTakes, fmt.Sprint(want, " of ", query), query, want)
}

// idle says what the bots and their database do in a minute in which nothing happens.
func (a *armada) idle() {
	var before []time.Duration
	for _, bot := range a.bots {
		before = append(before, bot.cpu())
	}
	commits, writes, _ := a.database()
	<-time.After(idleFor) // the measurement is this long
	for i, bot := range a.bots {
		cpu := percentOf(bot.cpu() - before[i])
		fmt.Printf("bot %d: idle CPU %.2f %% of a core, memory %d MB, at most %d MB so far\n", i, cpu, bot.memory("VmRSS"), bot.memory("VmHWM"))
		a.b.ReportMetric(cpu, fmt.Sprintf("idle%d-%%cpu", i))
		a.b.ReportMetric(float64(bot.memory("VmHWM")), fmt.Sprintf("peak%d-MB", i))
	}
	commitsNow, writesNow, connections := a.database()
	fmt.Printf("the database, in a minute: %d transactions, %d rows written; %d connections\n", commitsNow-commits, writesNow-writes, connections)
	a.b.ReportMetric(float64(writesNow-writes), "rows/min")
}

// database is how many transactions and writes of rows its server has counted, and how many connections there are besides this one.
func (a *armada) database() (commits, writes, connections int) {
	err := a.db.QueryRow(context.Background(), `SELECT xact_commit, tup_inserted + tup_updated + tup_deleted, numbackends - 1
		FROM pg_stat_database WHERE datname = current_database()`).Scan(&commits, &writes, &connections)
	if err != nil {
		a.b.Fatal(err)
	}
	return commits, writes, connections
}

// swap replaces containers on all engines by turns, and says how long it took until each deploy was written down.
func (a *armada) swap() {
	started := map[string]time.Time{}
	for i := range swapsOnEach {
		for on := range a.engines {
			id, at := a.replace(on, i)
			started[id] = at
		}
	}
	a.until(`SELECT count(*) FROM deploys WHERE snapshot <> ''`, len(started))
	rows, err := a.db.Query(context.Background(), `SELECT source->>'native_id', recorded_at FROM timeline WHERE kind = 'deploy'`)
	if err != nil {
		a.b.Fatal(err)
	}
	var lags figures
	var id string
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error { lags = append(lags, at.Sub(started[id])); return nil }); err != nil {
		a.b.Fatal(err)
	}
	fmt.Println("new container started → deploy recorded, with the state from before:", lagWords(lags))
	a.b.ReportMetric(lags.ms(99), "deploy-p99-ms")
}

// lose kills the bot that looks after the first engine, deploys, and says how long it took until another one has seen that.
func (a *armada) lose() {
	var name string
	if err := a.db.QueryRow(context.Background(), `SELECT bot FROM watch_leads ORDER BY engine LIMIT 1`).Scan(&name); err != nil {
		a.b.Fatal(err)
	}
	bot := a.bots[slices.Index(a.names, name)]
	bot.killed = true
	if err := syscall.Kill(bot.pid, syscall.SIGKILL); err != nil {
		a.b.Fatal(err)
	}
	died := time.Now()
	id, _ := a.replace(0, 0)
	a.until(`SELECT count(*) FROM watch_leads WHERE until > now() AND bot <> '`+name+`'`, len(a.engines))
	led := time.Since(died)
	a.until(`SELECT count(*) FROM deploys WHERE after_id = '`+id+`'`, 1)
	fmt.Printf("after the death of the bot that looks: another one looks after all engines after %s, what was deployed meanwhile is recorded after %s\n",
		led.Round(time.Millisecond), time.Since(died).Round(time.Millisecond))
	a.b.ReportMetric(led.Seconds(), "take-over-s")
}

// everywhere does something for each container of each engine, a few at a time.
func (a *armada) everywhere(do func(ctx context.Context, on, i int) error) {
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(4)
	for i := range a.each {
		for on := range a.engines {
			group.Go(func() error { return do(ctx, on, i) })
		}
	}
	if err := group.Wait(); err != nil {
		a.b.Fatal(err)
	}
}

// put makes a container, and starts it when it is one of the first.
func (a *armada) put(ctx context.Context, on, i, round int) (id string, err error) {
	key, value, _ := strings.Cut(a.Only(), "=")
	cli := a.engines[on].Engine().Client()
	made, err := cli.ContainerCreate(ctx, &container.Config{
		Image: a.images[on], Env: []string{fmt.Sprint("ROUND=", round), "API_KEY=topsecret"}, Labels: map[string]string{"snapback.enable": "true", key: value},
	}, &container.HostConfig{NetworkMode: "none"}, nil, nil, fmt.Sprintf("api%04d", i))
	if err != nil || i >= runOnEach {
		return made.ID, err
	}
	return made.ID, cli.ContainerStart(ctx, made.ID, container.StartOptions{})
}

// replace deploys one that runs, and returns the new one's ID, and when it started.
func (a *armada) replace(on, i int) (id string, started time.Time) {
	ctx := context.Background()
	cli := a.engines[on].Engine().Client()
	if err := cli.ContainerRemove(ctx, fmt.Sprintf("api%04d", i), container.RemoveOptions{Force: true}); err != nil {
		a.b.Fatal(err)
	}
	id, err := a.put(ctx, on, i, int(time.Now().UnixNano()))
	if err != nil {
		a.b.Fatal(err)
	}
	is, err := cli.ContainerInspect(ctx, id)
	if err != nil {
		a.b.Fatal(err)
	}
	if started, err = time.Parse(time.RFC3339Nano, is.State.StartedAt); err != nil {
		a.b.Fatal(err)
	}
	return id, started
}
