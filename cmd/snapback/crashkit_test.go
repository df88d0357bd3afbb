package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

// TestMain lets more tests run side by side than there are processors: those that kill bots mostly wait.
func TestMain(m *testing.M) {
	flag.Parse()
	parallel := true
	flag.Visit(func(f *flag.Flag) { parallel = parallel && f.Name != "test.parallel" })
	if parallel && os.Getenv(crashesSetting) != "" {
		if err := flag.Set("test.parallel", "6"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if dir := builtIn.Load(); dir != nil {
		os.RemoveAll(*dir)
	}
	os.Exit(code)
}

// crashesSetting turns the tests on that kill the real program, and says how many random moments they try. They take
// longer than all others together, so make crash runs them, and make test does not: all tests of the files crash_….
const crashesSetting = "SNAPBACK_CRASHES"

func needsCrashes(t *testing.T) {
	t.Helper()
	if os.Getenv(crashesSetting) == "" {
		t.Skip("kills the real program: run make crash")
	}
}

// builtIn is the folder of the program, once it was built.
var builtIn atomic.Pointer[string]

// program builds the real program once in a test process, with the race detector when the tests have it and there is a C
// compiler: beside another engine there is none.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "snapback-program-")
	if err != nil {
		return "", err
	}
	builtIn.Store(&dir)
	args := []string{"build", "-o", filepath.Join(dir, "snapback")}
	if raceDetector && cgo() {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w: %s", err, out)
	}
	return filepath.Join(dir, "snapback"), nil
})

func cgo() bool {
	out, err := exec.Command("go", "env", "CGO_ENABLED").Output()
	return err == nil && strings.TrimSpace(string(out)) == "1"
}

// crash is a night with a container that a deploy has broken, a snapshot from before the deploy, an engine that can be
// made to fail, and bots in processes of their own.
type crash struct {
	*night
	proxy *enginefault.Proxy
	db    *store.DB // to read what the bots have written, also when none of them runs
	name  string    // the container's
	first *process
	bad   string // the image of the broken one

	direct    string          // the database, also when the bots can't reach it
	announces map[string]bool // by channel: the database says what is new there
	undoable  int64           // the restore that randomly undoes next, or 0

	said  map[string]int // what people have to be told, and how often
	took  []time.Duration
	limit time.Duration // for each of them

	// What there has to be on the engine when nothing goes on.
	runs   string            // the ID of the container that runs under the name
	kept   map[string]string // names of the containers from before, and their IDs
	policy map[string]string // restart policies by ID, of containers that run
}

const crashSnapshot = "pre-deploy-2255"

// newCrash has a bot running. The good container has a network and a restart policy that the broken one has not.
func newCrash(t *testing.T, more ...string) *crash {
	needsCrashes(t)
	t.Helper()
	n := newNight(t)
	return newCrashIn(n, n.env["DATABASE_URL"], more...)
}

// newCrashIn is newCrash with a database that tests reach at direct.
func newCrashIn(n *night, direct string, more ...string) *crash {
	needsCrashes(n.t)
	n.t.Helper()
	return breakContainer(n, direct, more...)
}

// breakContainer has a bot running, and a deploy break a container that it has a snapshot of.
func breakContainer(n *night, direct string, more ...string) *crash {
	n.t.Helper()
	t := n.t
	c := &crash{night: n, direct: direct, name: n.Name("api"), said: map[string]int{}, kept: map[string]string{}, policy: map[string]string{}, announces: map[string]bool{}}
	c.proxy = enginefault.Start(t, n.Host(), n.Only())
	n.env["DOCKER_HOST"] = c.proxy.Host()
	n.env["SNAPBACK_BASELINE_AFTER"] = "1h"
	n.env["SNAPBACK_SECRET_KEYS"] = "a:" + base64.StdEncoding.EncodeToString(make([]byte, 32)) // bots that share a database share keys
	c.openStore()
	c.first = c.boot(n.env["SNAPBACK_DATA_DIR"])
	network := n.Name("net")
	n.Docker("network", "create", network)
	c.deploy("V=1", append([]string{"--restart", "unless-stopped"}, append(more, n.Image("good", `CMD ["/app"]`))...)...)
	n.Docker("network", "connect", network, c.name)
	c.snapshot()
	c.bad = n.Image("bad", `CMD ["/app"]`)
	c.replace("V=2", "--restart", "always", c.bad)
	return c
}

// replace is a deploy: what ran under the name is removed, and another container takes its place.
func (c *crash) replace(env string, args ...string) {
	c.t.Helper()
	c.Docker("rm", "-f", c.name)
	c.runs = c.deploy(env, args...)
	in, err := c.Engine().Inspect(c.t.Context(), c.runs)
	if err != nil {
		c.t.Fatal(err)
	}
	c.policy[c.runs] = in.RestartPolicy.Name
}

func (c *crash) deploy(env string, args ...string) (id string) {
	c.t.Helper()
	return c.Run(c.name, append([]string{"--env", env}, args...)...)
}

func (c *crash) snapshot() {
	c.t.Helper()
	status, answer, err := c.first.call("POST", "/containers/"+c.name+"/snapshots", `{"name":"`+crashSnapshot+`","reason":"pre-deploy"}`)
	if err != nil || status != http.StatusCreated {
		c.t.Fatalf("taking a snapshot: %d %s %v", status, answer, err)
	}
}

func (c *crash) openStore() {
	c.t.Helper()
	c.db = storetest.Open(c.t, c.direct, testkit.Ring(c.t))
}

// process is a bot in a process of its own.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	log     *syncBuffer
	url     string
	began   time.Time
	ready   time.Time
	dataDir string
	ended   chan struct{} // closed when the process has
}

// boot starts a bot on a data folder and waits until it says that it is ready.
func (c *crash) boot(dataDir string) *process {
	c.t.Helper()
	binary, err := program()
	if err != nil {
		c.t.Fatal(err)
	}
	return c.bootProgram(binary, dataDir)
}

func (c *crash) bootProgram(binary, dataDir string) *process {
	c.t.Helper()
	p := &process{t: c.t, cmd: exec.Command(binary, "serve"), dataDir: dataDir, log: &syncBuffer{news: make(chan struct{})}, ended: make(chan struct{})}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.t.TempDir()}
	for name, value := range c.env {
		if name == "SNAPBACK_DATA_DIR" {
			value = dataDir
		}
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() { defer close(p.ended); _ = p.cmd.Wait() }() // ends with the process, which end and kill wait for
	c.t.Cleanup(p.end)
	p.awaitReady()
	return p
}

func (p *process) awaitReady() {
	p.t.Helper()
	deadline := time.After(time.Minute)
	for {
		text, news := p.log.read()
		if m := readyLine.FindStringSubmatch(text); m != nil {
			p.ready, p.url = time.Now(), "http://"+m[1]
			return
		}
		select {
		case <-news:
		case <-p.ended:
			p.t.Fatalf("the bot ended:\n%s", text)
		case <-deadline:
			p.t.Fatalf("the bot is not ready:\n%s", text)
		}
	}
}

func (p *process) signal(sig syscall.Signal) {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signalling the bot: %v", err)
	}
}

// kill is SIGKILL, and returns when the process is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// end asks the bot to stop, which also has the race detector say what it found.
func (p *process) end() {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(2 * time.Minute):
		p.t.Error("the bot does not stop")
		p.kill()
	}
	text, _ := p.log.read()
	if strings.Contains(text, "DATA RACE") {
		p.t.Error("a data race in the bot")
	}
	if p.t.Failed() {
		p.t.Logf("the bot's log:\n%s", text)
	}
}

// call makes an API call. The bot may be gone before it answers.
func (p *process) call(method, path, body string, header ...string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+apiToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(resp.Body)
	return resp.StatusCode, text.Bytes(), err
}

// tap asks a bot for the restore, or for the undo of one, and returns its number; 0 when the bot died before it opened
// one.
func (c *crash) tap(p *process, undo int64) int64 {
	c.t.Helper()
	before := c.latest()
	method, path := "PATCH", "/containers/"+c.name+"/snapshots/"+crashSnapshot
	if undo != 0 {
		method, path = "POST", fmt.Sprintf("/restores/%d/undo", undo)
	}
	status, answer, err := p.call(method, path, "", "Prefer", "respond-async")
	if err == nil && status != http.StatusAccepted {
		c.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	var made struct{ ID int64 }
	if err == nil && json.Unmarshal(answer, &made) == nil && made.ID != 0 {
		return made.ID
	}
	return c.opened(p, before)
}

// opened is the number of the restore that a bot has opened without answering for it, because it was killed or stopped.
func (c *crash) opened(p *process, before int64) int64 {
	c.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for dead := false; ; {
		now := c.latest()
		if now != before {
			return now
		}
		if dead {
			return 0
		}
		select {
		case <-tick.C:
		case <-p.ended:
			dead = true
		case <-deadline:
			c.t.Fatal("the bot neither answers nor opens a restore")
		}
	}
}

// latest is the number of the restore that was asked for last.
func (c *crash) latest() int64 {
	c.t.Helper()
	var last int64
	for _, e := range c.entries() {
		if e.Kind == incidents.KindRestoreRequested {
			last = detailsOf(c.t, e).Restore
		}
	}
	return last
}

// entries reads the timeline, also while the database moves.
func (c *crash) entries() (entries []incidents.Entry) {
	c.t.Helper()
	c.reads(func(ctx context.Context) (err error) {
		entries, err = c.db.Entries(ctx, 0, 0)
		return err
	})
	return entries
}

// reads asks the database until it answers: what a pool has of a server that has just gone fails once more.
func (c *crash) reads(ask func(context.Context) error) {
	c.t.Helper()
	testkit.Eventually(c.t, "the database answers", func() bool {
		err := ask(c.t.Context())
		if err != nil && !errors.Is(err, snapshot.ErrJournalAway) {
			c.t.Fatal(err)
		}
		return err == nil
	})
}

type entryDetails struct {
	Restore int64         `json:"restore_id"`
	State   restore.State `json:"state"`
}

func detailsOf(t *testing.T, e incidents.Entry) (d entryDetails) {
	t.Helper()
	if err := json.Unmarshal(e.Details, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// over waits until a restore is over.
func (c *crash) over(id int64) restore.Restore {
	c.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := c.db.Restore(c.t.Context(), id)
		if err == nil && r.State.Final() {
			return r
		}
		select {
		case <-tick.C:
		case <-deadline:
			c.t.Fatalf("restore %d is %s: %v", id, r.State, err)
		}
	}
}

// continued says how long after a moment a restore took its first step since an earlier one: 0 when it did so
// before.
func (c *crash) continued(id int64, since, from time.Time) time.Duration {
	c.t.Helper()
	for _, e := range c.entries() {
		if strings.HasPrefix(string(e.Kind), "restore.") && detailsOf(c.t, e).Restore == id && e.RecordedAt.After(since) {
			return max(0, e.RecordedAt.Sub(from))
		}
	}
	return 0 // it was over by then
}
