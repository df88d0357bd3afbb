package swarm_test

import (
	"context"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/swarm"
)

// nodesSetting turns the tests on that have a Swarm of three engines each. They take long, so make swarm runs them, and make test does
// not.
const nodesSetting = "SNAPBACK_SWARM"

// nodesKit is a Swarm of a manager and workers, and what works on it.
type nodesKit struct {
	*kit
	nodes *enginetest.Nodes
}

func setupNodes(t *testing.T, workers int) nodesKit {
	t.Helper()
	if os.Getenv(nodesSetting) == "" {
		t.Skip("starts an engine for each node: run make swarm")
	}
	n := enginetest.StartNodes(t, workers)
	k := nodesKit{setupOn(t, n.Swarm, enginesOf(t, n)), n}
	k.image = n.Image("shop", `ENTRYPOINT ["/app"]`)
	return k
}

// enginesOf are the engines of all nodes, by the nodes' IDs.
func enginesOf(t *testing.T, n *enginetest.Nodes) func(context.Context) map[string]swarm.NodeEngine {
	t.Helper()
	on := map[string]swarm.NodeEngine{}
	for _, s := range append([]*enginetest.Scope{n.Scope}, scopes(n.Workers)...) {
		on[s.Docker("info", "--format", "{{.Swarm.NodeID}}")] = s.Engine()
	}
	return func(context.Context) map[string]swarm.NodeEngine { return on }
}

func scopes(list []*enginetest.Node) (out []*enginetest.Scope) {
	for _, n := range list {
		out = append(out, n.Scope)
	}
	return out
}

// reaches waits until a restore is in that state, or beyond.
func (k nodesKit) reaches(r restore.Restore, want restore.State) {
	k.t.Helper()
	k.until("the restore is "+string(want), func() bool {
		now, err := k.db.Restore(k.t.Context(), r.ID)
		return err == nil && (now.State == want || slices.ContainsFunc(now.Phases, func(p restore.Phase) bool { return p.State == want }))
	})
}

// pause is how long an update waits between two tasks, where something is to happen in the middle of a restore: for longer than that takes.
const pause = "10s"

// during does something in the middle of a restore, and ends the test when the restore was over before it was done.
func (k nodesKit) during(r restore.Restore, do func()) {
	k.t.Helper()
	k.reaches(r, restore.Started)
	do()
	if now, err := k.db.Restore(k.t.Context(), r.ID); err != nil || now.State != restore.Started {
		k.t.Fatalf("nothing was tried: the restore is %s already (%s), %v", now.State, now.Error, err)
	}
}

// insist runs a docker command that changes what the manager may be writing to as well.
func (k nodesKit) insist(args ...string) {
	k.t.Helper()
	k.until("the manager lets it be changed", func() bool {
		said, err := k.Try(args...)
		if err != nil && !strings.Contains(said, "update out of sequence") {
			k.t.Fatalf("%v: %s", err, said)
		}
		return err == nil
	})
}

// expect ends the test unless the restore is in that state.
func (k nodesKit) expect(r restore.Restore, want restore.State, words ...string) {
	k.t.Helper()
	if r.State != want {
		k.t.Fatalf("the restore is %s (%s)\n%s", r.State, r.Error, k.Docker("service", "ps", "--no-trunc", r.Container))
	}
	for _, w := range words {
		if !strings.Contains(r.Error, w) {
			k.t.Errorf("it says nothing of %q: %s", w, r.Error)
		}
	}
}

// broken is a service that was deployed anew, without a pause: what it was, and the snapshot of that.
func (k nodesKit) broken(name string, args ...string) (good snapshot.Container, before string) {
	k.t.Helper()
	k.Service(name, k.serve(append([]string{"--env", "DB_POOL=20"}, args...)...)...)
	good = k.settled(name)
	k.Docker("service", "update", "--detach", "--no-resolve-image", "--update-delay", "0s", "--env-add", "DB_POOL=2", name)
	d := k.deployed(good.Key, 1)
	k.until("the deploy is done", func() bool { return k.service(name).Tasks.Well() })
	return good, d.Snapshot
}

// TestNodesThatGoDoNotEndARestore: in the middle of it, a worker leaves the Swarm, or is down. Its tasks run elsewhere.
func TestNodesThatGoDoNotEndARestore(t *testing.T) {
	for what, goes := range map[string]func(*enginetest.Node){
		"it leaves":  func(w *enginetest.Node) { w.Docker("swarm", "leave") },
		"it is down": func(w *enginetest.Node) { w.Daemon.Stop() },
	} {
		t.Run(what, func(t *testing.T) {
			k := setupNodes(t, 2)
			name := k.Name("shop")
			good, before := k.broken(name, "--replicas", "4", "--update-parallelism", "1", "--update-delay", pause)
			r := k.ask(k.service(name), before)
			k.during(r, func() { goes(k.nodes.Workers[0]) })
			k.expect(k.wait(r), restore.Verified)
			if n := k.service(name); n.ID != good.ID || n.Tasks.Running != 4 || n.Tasks.Old != 0 {
				t.Errorf("it is %.12s and not %.12s; %s", n.ID, good.ID, n.Tasks)
			}
			k.deployed(good.Key, 1)
		})
	}
}

// TestNodesManagerThatIsKilledDelaysARestore: in the middle of it, its engine ends at once, and is started again. The watch goes on, too.
func TestNodesManagerThatIsKilledDelaysARestore(t *testing.T) {
	k := setupNodes(t, 2)
	name := k.Name("shop")
	good, before := k.broken(name, "--replicas", "4", "--update-parallelism", "1", "--update-delay", pause)
	r := k.ask(k.service(name), before)
	k.during(r, k.nodes.Daemon.Crash)
	k.expect(k.wait(r), restore.Verified)
	if n := k.service(name); n.ID != good.ID || !n.Tasks.Well() {
		t.Errorf("it is %.12s and not %.12s; %s", n.ID, good.ID, n.Tasks)
	}
	k.deployed(good.Key, 1)
	k.insist("service", "update", "--detach", "--no-resolve-image", "--env-add", "DB_POOL=3", name)
	if d := k.deployed(good.Key, 2); len(d.Changes) != 1 || d.Changes[0].Before != "20" || d.Changes[0].After != "3" {
		t.Errorf("the next deploy has changed %+v", d.Changes)
	}
}

// TestNodesAreAskedForALeader: of two managers, one is down, so the other one has nobody to agree with.
func TestNodesAreAskedForALeader(t *testing.T) {
	k := setupNodes(t, 1)
	other := k.nodes.Workers[0]
	k.Docker("node", "promote", k.nodes.ID(other))
	k.until("it is a manager as well", func() bool { return other.Docker("info", "--format", "{{.Swarm.ControlAvailable}}") == "true" })
	k.until("the Swarm answers", func() bool { return k.cluster.Answers(t.Context()) == nil })
	other.Daemon.Stop()
	k.until("it has no leader", func() bool { return k.cluster.Answers(t.Context()) != nil })
	if err := k.Engine().Ping(t.Context()); err != nil {
		t.Errorf("the engine itself: %v", err)
	}
	other.Daemon.Resume()
	k.until("it has one again", func() bool { return k.cluster.Answers(t.Context()) == nil })
}

// TestNodesPullWhatARestoreNeeds: by its digest, from the registry. Once that has it no more, nothing is touched. While it is away, nobody knows,
// and the spec from before comes back.
func TestNodesPullWhatARestoreNeeds(t *testing.T) {
	k := setupNodes(t, 2)
	registry, prefix, end := k.nodes.Registry()
	name, first, second := k.Name("shop"), k.pushed(prefix+"one"), k.pushed(prefix+"two")
	k.Docker("service", "create", "--detach", "--quiet", "--name", name, "--label", "snapback.enable=true", "--constraint", "node.role==worker",
		"--stop-grace-period", "1s", "--replicas", "2", first, "serve", "-addr=")
	k.AwaitTasks(name)
	good := k.settled(name)
	k.Docker("service", "update", "--detach", "--image", second, name)
	d := k.deployed(good.Key, 1)
	k.settled(name)
	now := k.service(name)

	k.forgotten(first)
	r := k.restore(now, d.Snapshot)
	k.expect(r, restore.Verified)
	if len(r.Plan.Losses) != 0 || !strings.HasSuffix(r.Proof, "all as the snapshot has them") || k.service(name).ID != good.ID {
		t.Errorf("it is told that %s, with %q", r.Proof, r.Plan.Losses)
	}
	undone, err := k.restorer.Undo(t.Context(), r.ID, snapshot.By{Actor: maria}, "")
	if err != nil {
		t.Fatal(err)
	}
	k.expect(k.wait(undone), restore.Verified)

	k.forgotten(first)
	registry.Forget()
	untouched := k.service(name)
	k.expect(k.restore(untouched, d.Snapshot), restore.Refused, "no node can have its image "+first+": not on ", "its registry has it no more")
	if n := k.service(name); n.ID != untouched.ID || !n.StartedAt.Equal(untouched.StartedAt) {
		t.Errorf("it was touched: %s, and was %s", n.Tasks, untouched.Tasks)
	}

	end()
	r = k.restore(k.service(name), d.Snapshot)
	k.expect(r, restore.Reverted, "No such image")
	if want := ", and its registry does not say)"; !strings.HasSuffix(r.Plan.Doubt, want) {
		t.Errorf("the preflight has left open %q", r.Plan.Doubt)
	}
	if n := k.service(name); n.ID != now.ID || !n.Tasks.Well() {
		t.Errorf("it is %.12s and not %.12s; %s", n.ID, now.ID, n.Tasks)
	}
}

// pushed is an image in a registry that no node has. With are the docker command's own arguments.
func (k nodesKit) pushed(name string, with ...string) string {
	k.t.Helper()
	prefix, name := path.Split(name)
	made, ref := k.Image(name, `ENTRYPOINT ["/app"]`), prefix+k.Name(name)+":1"
	k.Docker("tag", made, ref)
	k.Docker(append(with, "push", "--quiet", ref)...)
	k.Docker("image", "rm", "-f", made, ref)
	return ref
}

// forgotten removes an image from the workers, once no container there is of it.
func (k nodesKit) forgotten(ref string) {
	k.t.Helper()
	for _, w := range k.nodes.Workers {
		k.until("the image is gone", func() bool {
			for _, id := range strings.Fields(w.Docker("image", "ls", "--all", "--quiet", "--no-trunc", strings.TrimSuffix(ref, ":1"))) {
				_, _ = w.Try("image", "rm", "-f", id)
			}
			return w.Docker("image", "ls", "--all", "--quiet", strings.TrimSuffix(ref, ":1")) == ""
		})
	}
}

// TestNodesConfigThatWasReplacedComesBack: with a secret, both of which are labelled. Once it was removed, people are told so before they
// ask.
func TestNodesConfigThatWasReplacedComesBack(t *testing.T) {
	k := setupNodes(t, 2)
	name := k.Name("shop")
	first, second, secret := k.config("one", "1"), k.config("two", "2"), k.Name("password")
	k.Docker("secret", "create", secret, k.file("password", "one"))
	replace := func(old, with string, more ...string) {
		k.Docker(append([]string{"service", "update", "--detach", "--no-resolve-image", "--config-rm", old, "--config-add", "source=" + with + ",target=/mode"}, append(more, name)...)...)
	}
	k.Service(name, k.serve("--replicas", "3", "--config", "source="+first+",target=/mode", "--secret", secret)...)
	good := k.settled(name)
	replace(first, second, "--secret-rm", secret)
	d := k.deployed(good.Key, 1)
	k.settled(name)
	k.label()
	for what, of := range map[string]string{"config": first, "secret": secret} {
		if got := k.Docker(what, "inspect", "--format", `{{index .Spec.Labels "snapback.kept-by"}}`, of); got != name {
			t.Errorf("the %s is kept by %q", what, got)
		}
	}
	k.expect(k.restore(k.service(name), d.Snapshot), restore.Verified)
	if has := k.Docker("service", "inspect", "--format", "{{range .Spec.TaskTemplate.ContainerSpec.Configs}}{{.ConfigName}}{{end}}", name); has != first {
		t.Errorf("it has the config %s", has)
	}

	replace(first, second)
	d = k.deployed(good.Key, 2)
	k.until("the first config may go", func() bool { _, err := k.Try("config", "rm", first); return err == nil })
	snap, err := k.db.Snapshot(t.Context(), good.Key, d.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	offer, err := k.restorer.Offer(t.Context(), k.service(name), snap)
	if err != nil || len(offer.WhyNot) != 1 || !strings.Contains(offer.WhyNot[0], "the config "+first+" was removed") {
		t.Errorf("it is offered although %v, %v", offer.WhyNot, err)
	}
}

// TestNodesUnhealthyTasksGoBack: whether the Swarm gives the update up, or goes on with it and forgets what has failed.
func TestNodesUnhealthyTasksGoBack(t *testing.T) {
	for action, words := range map[string]string{"pause": "the Swarm has given the update up", "continue": "of its tasks have failed"} {
		t.Run(action, func(t *testing.T) {
			k := setupNodes(t, 2)
			k.Docker("swarm", "update", "--task-history-limit", "1")
			k.image = k.nodes.Image("checked", `ENTRYPOINT ["/app"]`, `HEALTHCHECK --interval=500ms --retries=2 CMD ["/app", "check"]`)
			name, sick := k.Name("shop"), k.config("sick", "1")
			k.Service(name, k.serve("--replicas", "2", "--update-failure-action", action, "--update-parallelism", "0")...)
			well := k.settled(name)
			k.Docker("service", "update", "--detach", "--no-resolve-image", "--config-add", "source="+sick+",target=/unhealthy", name)
			k.deployed(well.Key, 1)
			if _, err := k.taker.Take(t.Context(), k.service(name), snapshot.TakeRequest{Name: "sick", Reason: snapshot.Manual, By: snapshot.By{Actor: maria}}); err != nil {
				t.Fatal(err)
			}
			k.Docker("service", "update", "--detach", "--no-resolve-image", "--config-rm", sick, "--env-add", "GOOD=1", name)
			k.deployed(well.Key, 2)
			now := k.settled(name)
			k.expect(k.restore(now, "sick"), restore.Reverted, words)
			if n := k.service(name); n.ID != now.ID || !n.Tasks.Well() {
				t.Errorf("it is %.12s and not %.12s; %s", n.ID, now.ID, n.Tasks)
			}
			k.deployed(well.Key, 2)
		})
	}
}

// TestNodesUpdateBesideARestoreIsLeftAlone: somebody deploys in the middle of it. What they deployed runs in the end.
func TestNodesUpdateBesideARestoreIsLeftAlone(t *testing.T) {
	k := setupNodes(t, 2)
	name := k.Name("shop")
	good, before := k.broken(name, "--replicas", "4", "--update-parallelism", "1", "--update-delay", pause)
	r := k.ask(k.service(name), before)
	k.reaches(r, restore.Started)
	k.insist("service", "update", "--detach", "--no-resolve-image", "--env-add", "DB_POOL=3", name)
	k.expect(k.wait(r), restore.Failed, "somebody has deployed the service meanwhile")
	k.until("the deploy runs", func() bool { return k.service(name).Tasks.Well() })
	if got := k.env(name); got != `["DB_POOL=3"] 4` {
		t.Errorf("it runs with %s", got)
	}
	if d := k.deployed(good.Key, 2); !slices.ContainsFunc(d.Changes, func(c snapshot.Change) bool { return c.Attribute == "env DB_POOL" && c.After == "3" }) {
		t.Errorf("the deploy has changed %+v", d.Changes)
	}
}

// TestNodesGlobalServiceIsRestored: while one of the nodes is drained.
func TestNodesGlobalServiceIsRestored(t *testing.T) {
	k := setupNodes(t, 2)
	name := k.Name("agent")
	good, before := k.broken(name, "--mode", "global", "--update-delay", pause)
	if n := k.service(name).Tasks; n.Want != 3 || n.Running != 3 {
		t.Errorf("%s", n)
	}
	r := k.ask(k.service(name), before)
	k.during(r, func() { k.insist("node", "update", "--availability", "drain", k.nodes.ID(k.nodes.Workers[1])) })
	k.expect(k.wait(r), restore.Verified)
	if n := k.service(name); n.ID != good.ID || n.Tasks.Want != 2 || !n.Tasks.Well() {
		t.Errorf("it is %.12s and not %.12s; %s", n.ID, good.ID, n.Tasks)
	}
}

// TestNodesTwentyTasksAreRestored: and undone.
func TestNodesTwentyTasksAreRestored(t *testing.T) {
	k := setupNodes(t, 2)
	name := k.Name("shop")
	good, before := k.broken(name, "--replicas", "20", "--update-parallelism", "5")
	r := k.restore(k.service(name), before)
	k.expect(r, restore.Verified)
	if !strings.HasPrefix(r.Proof, "20 of 20 tasks run") || k.service(name).ID != good.ID {
		t.Errorf("it is told that %s", r.Proof)
	}
	undone, err := k.restorer.Undo(t.Context(), r.ID, snapshot.By{Actor: maria}, "")
	if err != nil {
		t.Fatal(err)
	}
	k.expect(k.wait(undone), restore.Verified)
	k.deployed(good.Key, 1)
}
