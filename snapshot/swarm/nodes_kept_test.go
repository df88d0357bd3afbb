package swarm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// TestNodesTwoQuickUpdatesAreBothKept: the second one comes while the Swarm still replaces the tasks of the first. The Swarm itself goes back to
// the spec in between only. Here, both deploys lead to the first of the three, and that one is kept as well, and can be chosen.
func TestNodesTwoQuickUpdatesAreBothKept(t *testing.T) {
	k := setupNodes(t, 1)
	name := k.Name("shop")
	k.Service(name, k.serve("--replicas", "2", "--env", "DB_POOL=20", "--update-parallelism", "1", "--update-delay", "0s")...)
	good := k.settled(name)
	// It is not done before the next one comes, however slow all is.
	k.insist("service", "update", "--detach", "--no-resolve-image", "--update-delay", "60s", "--env-add", "DB_POOL=2", name)
	first := k.deployed(good.Key, 1)
	k.insist("service", "update", "--detach", "--no-resolve-image", "--update-delay", "0s", "--env-add", "DB_POOL=3", name)
	second := k.deployed(good.Key, 2)
	if was := k.Docker("service", "inspect", name, "--format", "{{json .PreviousSpec.TaskTemplate.ContainerSpec.Env}}"); was != `["DB_POOL=2"]` {
		t.Errorf("the Swarm itself would go back to %s", was)
	}
	k.until("the second update is done", func() bool { return k.service(name).Tasks.Well() })
	if first.Snapshot == "" || second.Snapshot != first.Snapshot {
		t.Errorf("the deploys lead to %q and %q", first.Snapshot, second.Snapshot)
	}
	k.expect(k.restore(k.service(name), first.Snapshot), restore.Verified)
	if got := k.env(name); got != `["DB_POOL=20"] 2` {
		t.Errorf("the first of the three runs as %s", got)
	}
	between := slices.DeleteFunc(k.snapshots(good.Key), func(s snapshot.Snapshot) bool { return s.ContainerID != second.BeforeID })
	if len(between) != 1 || between[0].Reason != snapshot.PreDeploy || between[0].Unwell == "" {
		t.Fatalf("of the spec in between is kept %+v", between)
	}
	k.expect(k.restore(k.service(name), between[0].Name), restore.Verified)
	if got := k.env(name); got != `["DB_POOL=2"] 2` {
		t.Errorf("the one in between runs as %s", got)
	}
	k.deployed(good.Key, 2)
}

// TestNodesTasksAreAsManyAsThenWhereThatIsAsked: after a deploy, then after the service was only scaled, and each of that undone.
func TestNodesTasksAreAsManyAsThenWhereThatIsAsked(t *testing.T) {
	k := setupNodes(t, 1)
	name := k.Name("shop")
	good, was := k.broken(name, "--replicas", "2")
	k.Docker("service", "scale", "--detach", name+"=3")
	k.AwaitTasks(name)
	for _, scaled := range []string{"", "1"} {
		if scaled != "" {
			k.expect(k.restore(k.service(name), was), restore.Verified)
			k.Docker("service", "scale", "--detach", name+"="+scaled)
			k.AwaitTasks(name)
		}
		before := k.env(name)
		r, err := k.restorer.Request(t.Context(), restore.Ask{Container: k.service(name), Snapshot: was, By: snapshot.By{Actor: maria}, Replicas: true})
		if err != nil {
			t.Fatal(err)
		}
		r = k.wait(r)
		k.expect(r, restore.Verified)
		if said := r.Sentence(r.State); k.env(name) != `["DB_POOL=20"] 2` || !strings.Contains(said, " with as many tasks as it had then") {
			t.Errorf("it runs %s: %s", k.env(name), said)
		}
		undone, err := k.restorer.Undo(t.Context(), r.ID, snapshot.By{Actor: maria}, "")
		if err != nil {
			t.Fatal(err)
		}
		k.expect(k.wait(undone), restore.Verified)
		if k.env(name) != before {
			t.Errorf("after the undo it runs %s, want %s", k.env(name), before)
		}
	}
	k.deployed(good.Key, 1)
}

// TestNodesKeepTheLoginOfARegistry: what a restore needs is pulled with the login that the last deploy has left with the Swarm. The bot has none.
func TestNodesKeepTheLoginOfARegistry(t *testing.T) {
	k := setupNodes(t, 1)
	registry, prefix, _ := k.nodes.Registry()
	registry.Want("maria", "sesame")
	login := []string{"--config", t.TempDir()}
	docker := func(args ...string) { k.Docker(slices.Concat(login, args)...) }
	docker("login", "--username", "maria", "--password", "sesame", strings.TrimSuffix(prefix, "/"))
	name, first, second := k.Name("shop"), k.pushed(prefix+"one", login...), k.pushed(prefix+"two", login...)
	docker("service", "create", "--detach", "--quiet", "--with-registry-auth", "--name", name, "--label", "snapback.enable=true",
		"--constraint", "node.role==worker", "--stop-grace-period", "1s", first, "serve", "-addr=")
	k.AwaitTasks(name)
	good := k.settled(name)
	docker("service", "update", "--detach", "--with-registry-auth", "--image", second, name)
	d := k.deployed(good.Key, 1)
	k.settled(name)

	k.forgotten(first)
	said, err := k.nodes.Workers[0].Try("pull", first)
	if err == nil || !strings.Contains(said, "authentication required") && !strings.Contains(said, "no basic auth") {
		t.Errorf("without a login, the registry gives the image: %v, %s", err, said)
	}
	r := k.restore(k.service(name), d.Snapshot)
	k.expect(r, restore.Verified)
	if k.service(name).ID != good.ID {
		t.Errorf("it is told that %s", r.Proof)
	}
	k.forgotten(second)
	undone, err := k.restorer.Undo(t.Context(), r.ID, snapshot.By{Actor: maria}, "")
	if err != nil {
		t.Fatal(err)
	}
	k.expect(k.wait(undone), restore.Verified)
}
