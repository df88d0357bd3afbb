// Package ownengine starts a Docker engine beside the machine's own, for the demo and for tests: one that may become a Swarm, be killed or
// be upgraded, as nobody's own engine should. It lives in namespaces of its own for processes, mounts and the network: nothing of it reaches
// the machine's engine, and all of it is gone with the namespaces' first process, even when whoever started it was killed. It needs root.
package ownengine

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Address is the engine's own within its namespace, for a Swarm. It is of those that are for documentation.
const Address = "192.0.2.1"

// longStart is how long an engine may take to start or to end on a busy machine.
const longStart = 3 * time.Minute

// The orders that Tell takes.
const (
	Begin = "start"
	Term  = "TERM" // ends the engine as an upgrade of its package does, which stops the containers
	Kill  = "KILL" // ends it as a lack of memory does, which leaves the containers running
)

// keeper is the namespaces' first process. It ends when its input does, and everything in them with it. Its waiting for
// one child also buries those that were orphaned.
const keeper = `
set -e
enter "$1"
set +e
ip link set lo up && ip address add ` + Address + `/32 dev lo # for a Swarm
mkdir -p /run/containerd && mount -t tmpfs tmpfs /run/containerd # or the machine's own would be taken
if [ -n "$4" ]; then # the key is what an engine before Docker 24 is called by
	mkdir -p "$1/etc" && cp -a /etc/docker/. "$1/etc" && rm -f "$1/etc/key.json" && mount --bind "$1/etc" /etc/docker
fi
echo '{}' >"$1/daemon.json" # or what the machine's engine is set to would count
while read -r order; do
	case $order in
	start) DOCKER_MIN_API_VERSION=1.24 dockerd --config-file "$1/daemon.json" --data-root "$3" --exec-root "$1/exec" --pidfile "$1/docker.pid" \
		--host "unix://$1/docker.sock" --containerd-namespace "$2" --containerd-plugins-namespace "$2-plugins" >>"$1/log" 2>&1 & engine=$! ;;
	TERM|KILL) kill -s "$order" "$engine"; wait "$engine"; sleep 0.1 ;; # in which its containerd dies, and is buried
	esac
	echo "$order"
done`

// Config says how to start an engine.
type Config struct {
	// Dir is an empty folder for all that it keeps. Its path has to be short, as the name of a socket has to be. Required.
	Dir string
	// Data is the data folder. Empty: one below Dir.
	Data string
	// Apart has it call itself by another ID than the machine's engine does, where engines have it from the machine.
	Apart bool
	// Enter defines a shell function enter, which gets Dir and makes the file system the one with the engine. Empty: the machine's.
	Enter string
}

// Engine is one that was started.
type Engine struct {
	dir    string
	keeper *exec.Cmd
	orders io.WriteCloser
	said   chan string // what the first process answers; closed when it has ended
	end    sync.Once
}

// Start starts an engine, and returns once it answers. The caller ends it with Close, and removes the folder afterwards.
func Start(ctx context.Context, cfg Config) (*Engine, error) {
	e := &Engine{dir: cfg.Dir, said: make(chan string)}
	if err := e.keep(cfg); err != nil {
		return nil, fmt.Errorf("starting an engine of its own: %w", err)
	}
	err := e.Tell(ctx, Begin)
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// keep starts the keeper.
func (e *Engine) keep(cfg Config) error {
	log, err := os.Create(filepath.Join(e.dir, "keeper.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	apart := ""
	if cfg.Apart {
		apart = "apart"
	}
	script := cmp.Or(cfg.Enter, "enter() { :; }") + keeper
	e.keeper = exec.Command("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script, "keeper",
		e.dir, filepath.Base(e.dir), cmp.Or(cfg.Data, filepath.Join(e.dir, "data")), apart)
	e.keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for whoever started it
	e.keeper.Stderr = log
	var in, out error
	e.orders, in = e.keeper.StdinPipe()
	answers, out := e.keeper.StdoutPipe()
	if err := errors.Join(in, out, e.keeper.Start()); err != nil {
		return err
	}
	go func() { // ends with the keeper
		defer close(e.said)
		for lines := bufio.NewScanner(answers); lines.Scan(); {
			e.said <- lines.Text()
		}
	}()
	return nil
}

// Close ends the engine and all that is in its namespaces.
func (e *Engine) Close() {
	e.end.Do(func() {
		_ = e.orders.Close()
		for range e.said { // until the keeper has ended
		}
		_ = e.keeper.Wait() // how it ended is no matter
	})
}

// Host is what DOCKER_HOST has to be to reach it.
func (e *Engine) Host() string { return "unix://" + e.socket() }

func (e *Engine) socket() string { return filepath.Join(e.dir, "docker.sock") }

// Process is one that lives in the engine's network.
func (e *Engine) Process() int { return e.keeper.Process.Pid }

// Tell has the engine begin or end, and returns when it has: when it answers, or is gone.
func (e *Engine) Tell(ctx context.Context, order string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, longStart, fmt.Errorf("it has not after %s", longStart))
	defer cancel()
	if _, err := fmt.Fprintln(e.orders, order); err != nil {
		return fmt.Errorf("telling the engine to %s: %w", order, err)
	}
	select {
	case said, ok := <-e.said:
		if !ok || said != order {
			return fmt.Errorf("the engine was told to %s and its keeper said %q: %s", order, said, e.tail("keeper.log"))
		}
	case <-ctx.Done():
		return fmt.Errorf("telling the engine to %s: %w", order, context.Cause(ctx))
	}
	if order != Begin {
		return nil
	}
	return e.awaitReady(ctx)
}

func (e *Engine) awaitReady(ctx context.Context) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", e.socket())
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !answers(ctx, client) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("starting an engine of its own: %w:\n%s", context.Cause(ctx), e.tail("log"))
		}
	}
	return nil
}

func answers(ctx context.Context, client *http.Client) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/_ping", nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// tail is the end of one of its logs.
func (e *Engine) tail(name string) string {
	log, _ := os.ReadFile(filepath.Join(e.dir, name))
	lines := strings.Split(string(log), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// Dial connects to an address in the engine's network, such as a container's. It must be an address, not a name.
func (e *Engine) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	inside := e.within(func() { conn, err = (&net.Dialer{}).DialContext(ctx, network, address) })
	return conn, errors.Join(inside, err)
}

// Listen listens at an address in the engine's network.
func (e *Engine) Listen(network, address string) (l net.Listener, err error) {
	inside := e.within(func() { l, err = net.Listen(network, address) })
	return l, errors.Join(inside, err)
}

// within runs f in the engine's network.
func (e *Engine) within(f func()) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		home := false
		if home, err = e.visit(f); home {
			runtime.UnlockOSThread() // else the thread ends with this, and every process with it whose death signal (prctl) hangs on it
		}
	}()
	<-done
	return err
}

// visit takes this thread to the engine's network for f, and says whether it is back home.
func (e *Engine) visit(f func()) (home bool, err error) {
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return true, err
	}
	defer here.Close()
	there, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", e.Process()))
	if err != nil {
		return true, err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return true, err
	}
	f()
	err = unix.Setns(int(here.Fd()), unix.CLONE_NEWNET)
	return err == nil, err
}
