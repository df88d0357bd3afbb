package swarm

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
)

func viewAs(t *testing.T, spec string) view {
	t.Helper()
	v, err := viewOf(service{ID: "svc", Spec: json.RawMessage(spec)})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const replicated = `{"Name":"shop","TaskTemplate":{"ContainerSpec":{"Image":"shop:2"},"Placement":{"Constraints":["node.role==worker"]}},"Mode":{"Replicated":{"Replicas":2}}}`

// TestWhatIsNoDeployKeepsTheRevision: scaling, restarting by force, and what another release of the engine adds.
func TestWhatIsNoDeployKeepsTheRevision(t *testing.T) {
	first := viewAs(t, replicated).revision
	for what, spec := range map[string]string{
		"scaled":    `{"Name":"shop","TaskTemplate":{"ContainerSpec":{"Image":"shop:2"},"Placement":{"Constraints":["node.role==worker"]}},"Mode":{"Replicated":{"Replicas":5}}}`,
		"forced":    `{"Name":"shop","TaskTemplate":{"ContainerSpec":{"Image":"shop:2"},"Placement":{"Constraints":["node.role==worker"]},"ForceUpdate":3},"Mode":{"Replicated":{"Replicas":2}}}`,
		"by others": `{"Name":"shop","Labels":{},"TaskTemplate":{"ContainerSpec":{"Image":"shop:2","Privileges":{"NoNewPrivileges":false}},"Placement":{"Constraints":["node.role==worker"]},"Runtime":""},"Mode":{"Replicated":{"Replicas":2}},"EndpointSpec":{}}`,
	} {
		if got := viewAs(t, spec).revision; got != first {
			t.Errorf("%s: another revision", what)
		}
	}
	for what, spec := range map[string]string{
		"image":     `{"Name":"shop","TaskTemplate":{"ContainerSpec":{"Image":"shop:3"},"Placement":{"Constraints":["node.role==worker"]}},"Mode":{"Replicated":{"Replicas":2}}}`,
		"placement": `{"Name":"shop","TaskTemplate":{"ContainerSpec":{"Image":"shop:2"}},"Mode":{"Replicated":{"Replicas":2}}}`,
		"ports":     `{"Name":"shop","TaskTemplate":{"ContainerSpec":{"Image":"shop:2"},"Placement":{"Constraints":["node.role==worker"]}},"Mode":{"Replicated":{"Replicas":2}},"EndpointSpec":{"Ports":[{"TargetPort":80}]}}`,
	} {
		if got := viewAs(t, spec).revision; got == first {
			t.Errorf("%s: the same revision", what)
		}
	}
}

// TestTasksAreCounted goes through what a Swarm shows in the middle of an update, and of what goes wrong.
func TestTasksAreCounted(t *testing.T) {
	global := `{"Name":"shop","TaskTemplate":{"ContainerSpec":{"Image":"shop:2"}},"Mode":{"Global":{}}}`
	on := nodes{"a": nodeAs("a", "ready", "active"), "b": nodeAs("b", "down", "active"), "p": nodeAs("p", "ready", "pause")}
	for name, c := range map[string]struct {
		spec  string
		tasks []task
		want  snapshot.Tasks
		well  bool
	}{
		"all run":               {spec: replicated, tasks: []task{taskAs("a", "shop:2", "running", "running"), taskAs("a", "shop:2", "running", "running")}, want: snapshot.Tasks{Want: 2, Running: 2}, well: true},
		"one is still the old":  {spec: replicated, tasks: []task{taskAs("a", "shop:2", "running", "running"), taskAs("a", "shop:1", "running", "running")}, want: snapshot.Tasks{Want: 2, Running: 1, Old: 1}},
		"the old one ends":      {spec: replicated, tasks: []task{taskAs("a", "shop:2", "running", "running"), taskAs("a", "shop:2", "running", "running"), taskAs("a", "shop:1", "shutdown", "running")}, want: snapshot.Tasks{Want: 2, Running: 2, Old: 1}},
		"its node is down":      {spec: replicated, tasks: []task{taskAs("a", "shop:2", "running", "running"), taskAs("a", "shop:2", "running", "running"), taskAs("b", "shop:1", "shutdown", "running")}, want: snapshot.Tasks{Want: 2, Running: 2}, well: true},
		"it fails":              {spec: replicated, tasks: []task{taskAs("a", "shop:2", "running", "running"), taskAs("a", "shop:2", "shutdown", "failed"), taskAs("a", "shop:2", "ready", "ready")}, want: snapshot.Tasks{Want: 2, Running: 1, Failed: 1}},
		"on a node that stands": {spec: global, tasks: []task{taskAs("a", "shop:2", "running", "running"), taskAs("p", "shop:1", "running", "running")}, want: snapshot.Tasks{Want: 1, Running: 1}, well: true},
		"nowhere":               {spec: global, tasks: []task{taskAs("a", "shop:2", "shutdown", "failed")}, want: snapshot.Tasks{Want: 1, Failed: 1}},
	} {
		got, err := viewAs(t, c.spec).tally(c.tasks, on)
		if err != nil {
			t.Fatal(err)
		}
		if got.Want != c.want.Want || got.Running != c.want.Running || got.Old != c.want.Old || got.Failed != c.want.Failed || got.Well() != c.well {
			t.Errorf("%s: %+v", name, got)
		}
		if got.Update = "updating"; got.Well() {
			t.Errorf("%s: well while the Swarm still watches it", name)
		}
	}
}

func nodeAs(id, state, availability string) (n node) {
	n.ID, n.Status.State, n.Spec.Availability = id, state, availability
	return n
}

func taskAs(node, image, desired, state string) task {
	placement := ""
	if image == "shop:2" {
		placement = `,"Placement":{"Constraints":["node.role==manager"]}` // of a placement that is no reason to replace it
	}
	t := task{NodeID: node, DesiredState: desired, CreatedAt: time.Unix(1, 0), Spec: json.RawMessage(fmt.Sprintf(`{"ContainerSpec":{"Image":%q}%s}`, image, placement))}
	t.Status.State, t.Status.Timestamp = state, time.Unix(2, 0)
	return t
}

// TestSecretsOfASpecAreMasked: also where it is not the environment that has them.
func TestSecretsOfASpecAreMasked(t *testing.T) {
	document := func(password, token string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"Service":"svc","Spec":{"Name":"shop","TaskTemplate":{"ContainerSpec":{"Image":"shop:2","Env":["DB_PASSWORD=%s","POOL=2"]},
			"LogDriver":{"Name":"splunk","Options":{"splunk-token":"%s"}}},"Mode":{"Replicated":{"Replicas":2}}}}`, password, token))
	}
	changes, err := New(Config{}).Changes(document("hunter2hunter2", "one"), document("swordfish99", "two"))
	if err != nil || len(changes) != 2 {
		t.Fatalf("%+v, %v", changes, err)
	}
	for _, c := range changes {
		if !c.Masked || c.Before != "" || c.After != "" {
			t.Errorf("%s shows %q and %q", c.Attribute, c.Before, c.After)
		}
	}
}
