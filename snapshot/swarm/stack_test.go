package swarm_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// stack deploys two services with "docker stack deploy". Each has a variable.
func (k nodesKit) stack(name, web, jobs string) {
	k.t.Helper()
	service := func(value string) string {
		return fmt.Sprintf(`
    image: %s
    command: [serve, -addr=]
    stop_grace_period: 1s
    environment: {MODE: %q}
    networks: [host]
    deploy: {replicas: 2, labels: {snapback.enable: "true"}}`, k.image, value)
	}
	text := fmt.Sprintf("version: \"3.8\"\nservices:\n  web:%s\n  jobs:%s\nnetworks: {host: {external: true, name: host}}\n", service(web), service(jobs))
	k.Docker("stack", "deploy", "--resolve-image", "never", "--compose-file", k.file("stack.yml", text), name)
	k.AwaitTasks(name + "_web")
	k.AwaitTasks(name + "_jobs")
}

// TestNodesServicesOfAStackAreOnTheirOwn: each sees its own deploy, and a restore of one leaves the other one as it is.
func TestNodesServicesOfAStackAreOnTheirOwn(t *testing.T) {
	k := setupNodes(t, 2)
	name := k.Name("stack")
	k.stack(name, "1", "a")
	web, jobs := k.settled(name+"_web"), k.settled(name+"_jobs")
	k.stack(name, "2", "b")
	d := k.deployed(web.Key, 1)
	for key, want := range map[string]snapshot.Change{
		web.Key:  {Attribute: "env MODE", Before: "1", After: "2"},
		jobs.Key: {Attribute: "env MODE", Before: "a", After: "b"},
	} {
		if diff := cmp.Diff([]snapshot.Change{want}, k.deployed(key, 1).Changes); diff != "" {
			t.Errorf("what the deploy of %s has changed (-want +got):\n%s", key, diff)
		}
	}
	other := k.settled(name + "_jobs")
	k.expect(k.restore(k.settled(name+"_web"), d.Snapshot), restore.Verified)
	if now := k.service(name + "_jobs"); now.ID != other.ID || k.service(name+"_web").ID != web.ID {
		t.Errorf("the restore has changed the other service: %.12s", now.ID)
	}

	k.stack(name, "1", "b") // as the file says by now what runs, nothing is deployed
	k.deployed(web.Key, 1)
	k.deployed(jobs.Key, 1)
}
