package enginetest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/registryfake"
)

// Nodes is a Swarm of a test's own of several nodes: a manager, which is the Swarm's own, and workers. Each is an engine in namespaces of
// its own, and one bridge, in another one, joins them. Containers reach no other node's: there is no routing mesh.
type Nodes struct {
	*Swarm
	Workers []*Node
	bridge  *bridge
}

// Node is one engine of a Swarm. What a test names there has the names of the manager's scope.
type Node struct {
	*Scope
	Daemon  *Daemon
	Address string // on the bridge
}

// StartNodes starts one with so many workers, and ends it with the test. It needs root, and skips the test without.
func StartNodes(t testing.TB, workers int) *Nodes {
	t.Helper()
	first := StartDaemon(t)
	n := &Nodes{Swarm: &Swarm{Scope: On(t, first.Host()), Daemon: first}, bridge: startBridge(t)}
	address := n.bridge.join(first)
	n.Docker("swarm", "init", "--advertise-addr", address)
	for range workers {
		w := n.start()
		w.Docker("swarm", "join", "--advertise-addr", w.Address, "--token", n.Docker("swarm", "join-token", "--quiet", "worker"), address+":2377")
		n.Workers = append(n.Workers, w)
	}
	n.AwaitNodes(1 + workers)
	return n
}

func (n *Nodes) start() *Node {
	n.t.Helper()
	d := StartDaemon(n.t)
	w := &Node{Scope: On(n.t, d.Host()), Daemon: d, Address: n.bridge.join(d)}
	w.token = n.token
	return w
}

// AwaitNodes waits until so many nodes are ready.
func (n *Nodes) AwaitNodes(want int) {
	n.t.Helper()
	n.await(fmt.Sprint(want, " nodes are ready"), func() bool { return strings.Count(n.Docker("node", "ls", "--format", "{{.Status}}"), "Ready") == want })
}

func (n *Nodes) await(what string, is func() bool) {
	n.t.Helper()
	tick, deadline := time.NewTicker(200*time.Millisecond), time.After(3*time.Minute)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			n.t.Fatalf("not within three minutes: %s\n%s", what, n.Docker("node", "ls"))
		}
	}
}

// ID is what the Swarm calls a worker.
func (n *Nodes) ID(w *Node) string {
	n.t.Helper()
	return w.Docker("info", "--format", "{{.Swarm.NodeID}}")
}

// Image is Scope.Image on every node.
func (n *Nodes) Image(name string, changes ...string) string {
	n.t.Helper()
	for _, w := range n.Workers {
		w.Image(name, changes...)
	}
	return n.Scope.Image(name, changes...)
}

// Registry starts a registry that every node reaches by the same name, at its own loopback, where an engine needs no TLS. It returns what
// names of images in it begin with, and what ends it.
func (n *Nodes) Registry() (r *registryfake.Registry, prefix string, end func()) {
	n.t.Helper()
	const address = "127.0.0.1:5000"
	r = registryfake.New()
	srv := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	daemons := []*Daemon{n.Daemon}
	for _, w := range n.Workers {
		daemons = append(daemons, w.Daemon)
	}
	for _, d := range daemons {
		l, err := d.engine.Listen("tcp", address)
		if err != nil {
			n.t.Fatalf("starting a registry: %v", err)
		}
		go func() { _ = srv.Serve(l) }() // ends with the server
	}
	end = func() { _ = srv.Close() }
	n.t.Cleanup(end)
	return r, address + "/", end
}

// bridge joins network namespaces. It lives in one of its own, so that nobody's firewall sees what passes.
type bridge struct {
	t      testing.TB
	holder *exec.Cmd
	joined int
}

func startBridge(t testing.TB) *bridge {
	t.Helper()
	b := &bridge{t: t, holder: exec.Command("unshare", "--net", "sh", "-c", "ip link add name lan type bridge && ip link set lan up && echo up; read _")}
	in, err := b.holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.holder.Start(); err != nil {
		t.Fatalf("starting a bridge: %v", err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = b.holder.Wait() })
	if said, err := bufio.NewReader(out).ReadString('\n'); err != nil && err != io.EOF || said != "up\n" {
		t.Fatalf("making a bridge: %q, %v", said, err)
	}
	return b
}

// join gives an engine's namespace a port of the bridge, and returns its address there. It is of those that are for documentation.
func (b *bridge) join(d *Daemon) (address string) {
	b.t.Helper()
	b.joined++
	port, address := fmt.Sprint("port", b.joined), fmt.Sprint("198.51.100.", b.joined)
	here, there := strconv.Itoa(b.holder.Process.Pid), strconv.Itoa(d.Process())
	for _, args := range [][]string{
		{here, "ip", "link", "add", port, "type", "veth", "peer", "name", "lan", "netns", there},
		{here, "ip", "link", "set", port, "master", "lan", "up"},
		{there, "ip", "address", "add", address + "/24", "dev", "lan"},
		{there, "ip", "link", "set", "lan", "up"},
	} {
		if out, err := exec.CommandContext(b.t.Context(), "nsenter", append([]string{"--net", "--target"}, args...)...).CombinedOutput(); err != nil {
			b.t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	return address
}
