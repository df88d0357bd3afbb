package enginetest

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot/docker"
)

// Daemon is a Docker engine of a test's own, which can be restarted as no shared one can. It lives in namespaces of its own
// for processes, mounts and the network: nothing of it reaches the machine's engine, and all of it is gone with the
// namespaces' first process, even when the test was killed.
type Daemon struct {
	t      testing.TB
	dir    string
	data   string // the data folder, below dir or on a disk of its own
	apart  string // "" for the machine's own ID, where engines have it from the machine
	keeper *exec.Cmd
	orders io.WriteCloser
	said   chan string // what the first process answers; closed when it has ended
}

// longStart is how long an engine may take to start or to end on a machine that is busy with other tests.
const longStart = 3 * time.Minute

// keeper is the namespaces' first process. It ends when its input does, and everything in them with it. Its waiting for
// one child also buries those that were orphaned.
const keeper = `
set -e
enter "$1"
set +e
ip link set lo up && ip address add ` + swarmAddress + `/32 dev lo # for a Swarm
mkdir -p /run/containerd && mount -t tmpfs tmpfs /run/containerd # or the machine's own would be taken
if [ -n "$4" ]; then # the key is what an engine before Docker 24 is called by
	mkdir -p "$1/etc" && cp -a /etc/docker/. "$1/etc" && rm -f "$1/etc/key.json" && mount --bind "$1/etc" /etc/docker
fi
while read -r order; do
	case $order in
	start) DOCKER_MIN_API_VERSION=1.24 dockerd --data-root "$3" --exec-root "$1/exec" --pidfile "$1/docker.pid" --host "unix://$1/docker.sock" \
		--containerd-namespace "$2" --containerd-plugins-namespace "$2-plugins" >>"$1/log" 2>&1 & engine=$! ;;
	TERM|KILL) kill -s "$order" "$engine"; wait "$engine"; sleep 0.1 ;; # in which its containerd dies, and is buried
	esac
	echo "$order"
done`

// StartDaemon starts one, and ends it with the test. It needs root, and skips the test without.
func StartDaemon(t testing.TB) *Daemon {
	t.Helper()
	return StartDaemonIn(t, "")
}

// StartDaemonApart is StartDaemon of an engine that calls itself by another ID than the machine's does, so that both can be told
// apart. It can't be upgraded.
func StartDaemonApart(t testing.TB) *Daemon {
	t.Helper()
	return startDaemon(t, "", "apart")
}

// StartDaemonIn is StartDaemon with a data folder that may be on another disk. It can't be upgraded.
func StartDaemonIn(t testing.TB, data string) *Daemon {
	t.Helper()
	return startDaemon(t, data, "")
}

func startDaemon(t testing.TB, data, apart string) *Daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("an engine of its own needs root")
	}
	dir, err := os.MkdirTemp("", "sbd") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{t: t, dir: dir, apart: apart, data: cmp.Or(data, filepath.Join(dir, "data"))}
	t.Cleanup(func() {
		d.end()
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the engine's folder: %v", err)
		}
	})
	d.begin(Release{enter: "enter() { :; }"})
	return d
}

// Upgrade has another release of the engine run on the same data, as an upgrade of the machine does.
func (d *Daemon) Upgrade(r Release) {
	d.t.Helper()
	d.order("TERM")
	d.end()
	d.begin(r)
}

// begin starts the keeper, and the engine.
func (d *Daemon) begin(r Release) {
	d.t.Helper()
	kept, err := os.Create(filepath.Join(d.dir, "keeper.log"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer kept.Close()
	d.keeper = exec.Command("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", r.enter+keeper, "keeper", d.dir, filepath.Base(d.dir), d.data, d.apart)
	orders, in := d.keeper.StdinPipe()
	answers, out := d.keeper.StdoutPipe()
	if in != nil || out != nil {
		d.t.Fatal(in, out)
	}
	d.keeper.Stderr = kept
	if err := d.keeper.Start(); err != nil {
		d.t.Fatalf("starting an engine: %v", err)
	}
	said := make(chan string)
	d.orders, d.said = orders, said
	go func() { // ends with the keeper
		defer close(said)
		for lines := bufio.NewScanner(answers); lines.Scan(); {
			said <- lines.Text()
		}
	}()
	d.order("start")
	d.awaitReady()
}

// end ends the keeper, and all that is in its namespaces.
func (d *Daemon) end() {
	if d.keeper == nil {
		return
	}
	_ = d.orders.Close()
	for range d.said { // until the keeper has ended
	}
	_ = d.keeper.Wait() // how it ended is no matter
	d.keeper = nil
}

// Host is what DOCKER_HOST has to be to reach it.
func (d *Daemon) Host() string { return "unix://" + filepath.Join(d.dir, "docker.sock") }

// Restart has the engine end as an upgrade of its package does, which stops the containers, and starts it again.
func (d *Daemon) Restart() { d.again("TERM") }

// Crash ends the engine as a lack of memory does, which leaves the containers running, and starts it again.
func (d *Daemon) Crash() { d.again("KILL") }

// Stop ends the engine and its containers, until Resume.
func (d *Daemon) Stop() {
	d.t.Helper()
	d.order("TERM")
}

// Resume starts the engine again.
func (d *Daemon) Resume() {
	d.t.Helper()
	d.order("start")
	d.awaitReady()
}

func (d *Daemon) again(signal string) {
	d.t.Helper()
	d.order(signal)
	d.order("start")
	d.awaitReady()
}

func (d *Daemon) order(what string) {
	d.t.Helper()
	if _, err := fmt.Fprintln(d.orders, what); err != nil {
		d.t.Errorf("the engine's keeper: %v", err)
		return
	}
	select {
	case said, ok := <-d.said:
		if !ok || said != what {
			d.t.Errorf("the engine's keeper was told to %s and said %q: %s", what, said, d.tail("keeper.log"))
		}
	case <-time.After(longStart):
		d.t.Errorf("the engine was told to %s, and has not after %s", what, longStart)
	}
}

// awaitReady may be called from any goroutine, so it can't end the test.
func (d *Daemon) awaitReady() {
	d.t.Helper()
	engine, err := docker.New(d.t.Context(), docker.Config{Host: d.Host()})
	if err != nil {
		d.t.Errorf("connecting to the engine: %v", err)
		return
	}
	defer engine.Close()
	tick, deadline := time.NewTicker(20*time.Millisecond), time.After(longStart)
	defer tick.Stop()
	for engine.Ping(d.t.Context()) != nil {
		select {
		case <-tick.C:
		case <-deadline:
			d.t.Errorf("the engine is not up after %s:\n%s", longStart, d.tail("log"))
			return
		}
	}
}

func (d *Daemon) tail(name string) string {
	log, _ := os.ReadFile(filepath.Join(d.dir, name))
	lines := strings.Split(string(log), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
