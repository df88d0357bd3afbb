package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
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

// TestATaskThatDoesNotStartIsTold, and which ones won't without anybody's help: Docker 29 asks a registry once for the image of a task, and
// leaves it as it is when the registry could not be reached.
func TestATaskThatDoesNotStartIsTold(t *testing.T) {
	t.Parallel()
	secret := strings.Replace(replicated, `"Image":"shop:2"`, `"Image":"shop:2","Env":["PASSWORD=sesame99"]`, 1)
	for name, c := range map[string]struct {
		desired, state, err string
		held, failure       string
		stays               bool
	}{
		"it pulls":            {"running", "preparing", "", "", "", false},
		"no way to the image": {"running", "preparing", "lookup registry.example: sesame99 is unreachable", "lookup registry.example: [masked] is unreachable", "", true},
		"no node":             {"running", "pending", "no suitable node (insufficient resources on 1 node)", "no suitable node (insufficient resources on 1 node)", "", false},
		"given up":            {"shutdown", "preparing", "unreachable", "", "", false},
		"no such image":       {"running", "rejected", "No such image: shop:2", "", "No such image: shop:2", false},
	} {
		v := viewAs(t, secret)
		of := taskAs("a", "shop:2", c.desired, c.state)
		of.Spec, of.Status.Err = json.RawMessage(`{"ContainerSpec":{"Image":"shop:2","Env":["PASSWORD=sesame99"]}}`), c.err
		n, err := v.tally([]task{of}, nodes{"a": nodeAs("a", "ready", "active")})
		if err != nil || n.Held != c.held || n.Failure != c.failure || n.Stays != c.stays {
			t.Errorf("%s: held by %q, failed by %q, stays: %t, %v", name, n.Held, n.Failure, n.Stays, err)
		}
	}
}

// TestTasksThatWereReplacedAreTold: also when they were forced to start anew, which is another template to the Swarm.
func TestTasksThatWereReplacedAreTold(t *testing.T) {
	before, after := taskAs("a", "shop:2", "shutdown", "shutdown"), taskAs("a", "shop:2", "running", "running")
	before.ID, after.ID, after.Spec = "before", "after", json.RawMessage(`{"ContainerSpec":{"Image":"shop:2"},"ForceUpdate":1}`)
	forced := strings.Replace(replicated, `"TaskTemplate":{`, `"TaskTemplate":{"ForceUpdate":1,`, 1)
	n, err := viewAs(t, forced).tally([]task{before, after}, nodes{"a": nodeAs("a", "ready", "active")})
	if err != nil || !slices.Equal(n.Others, []string{"before"}) || !slices.Equal(n.Meant, []string{"after"}) || len(n.Ended) != 0 {
		t.Errorf("%+v, %v", n, err)
	}
}

// TestAnUpdateThatNeverEndsIsKnown: the Swarm waits for a task that was about to start on a node that has gone, for ever.
func TestAnUpdateThatNeverEndsIsKnown(t *testing.T) {
	on := nodes{"a": nodeAs("a", "ready", "active"), "b": nodeAs("b", "down", "active")}
	run := taskAs("a", "shop:2", "running", "running")
	earlier := taskAs("b", "shop:2", "shutdown", "preparing")
	earlier.CreatedAt = run.CreatedAt.Add(-time.Hour)
	for name, c := range map[string]struct {
		lost   task
		update string
		stuck  bool
	}{
		"it waits":                   {taskAs("b", "shop:2", "shutdown", "assigned"), "updating", true},
		"of the spec before":         {taskAs("b", "shop:1", "shutdown", "assigned"), "updating", false},
		"the node is there":          {taskAs("a", "shop:2", "shutdown", "assigned"), "updating", false},
		"of an earlier deploy of it": {earlier, "updating", false},
		"it ran":                     {taskAs("b", "shop:2", "shutdown", "running"), "updating", false},
		"it may still be done":       {taskAs("b", "shop:2", "running", "assigned"), "updating", false},
		"it is done with the update": {taskAs("b", "shop:2", "shutdown", "assigned"), "completed", false},
	} {
		v := viewAs(t, replicated)
		v.UpdateStatus.State, v.UpdateStatus.StartedAt = c.update, run.CreatedAt
		n, err := v.tally([]task{run, run, c.lost}, on)
		if err != nil || n.Stuck != c.stuck || n.Well() != (c.stuck || c.update == "completed") {
			t.Errorf("%s: %+v, %v", name, n, err)
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

// TestTasksOfOtherPortsAreOld: the Swarm replaces tasks when ports are published otherwise, and their templates are the same.
func TestTasksOfOtherPortsAreOld(t *testing.T) {
	spec := func(port int) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"Name":"shop","TaskTemplate":{"ContainerSpec":{"Image":"shop:2"}},"Mode":{"Replicated":{"Replicas":2}},
			"EndpointSpec":{"Mode":"vip","Ports":[{"Protocol":"tcp","TargetPort":80,"PublishedPort":%d,"PublishMode":"ingress"}]}}`, port))
	}
	before, after := taskAs("a", "shop:2", "running", "running"), taskAs("a", "shop:2", "running", "running")
	before.CreatedAt, after.CreatedAt = time.Unix(100, 0), time.Unix(300, 0)
	began := func(v *service) { v.UpdateStatus.StartedAt = time.Unix(200, 0) }
	told := func(v *service) { v.UpdatedAt = time.Unix(200, 0) } // the update has not begun yet
	for name, c := range map[string]struct {
		was   json.RawMessage
		at    func(*service)
		tasks []task
		want  snapshot.Tasks
	}{
		"none is replaced yet":     {spec(8080), told, []task{before, before}, snapshot.Tasks{Want: 2, Old: 2}},
		"one is":                   {spec(8080), began, []task{before, after}, snapshot.Tasks{Want: 2, Running: 1, Old: 1}},
		"both are":                 {spec(8080), began, []task{after, after}, snapshot.Tasks{Want: 2, Running: 2}},
		"something else was":       {spec(8081), began, []task{before, before}, snapshot.Tasks{Want: 2, Running: 2}},
		"nothing was ever changed": {nil, told, []task{before, before}, snapshot.Tasks{Want: 2, Running: 2}},
	} {
		s := service{ID: "svc", Spec: spec(8081), PreviousSpec: c.was}
		c.at(&s)
		v, err := viewOf(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.tally(c.tasks, nodes{"a": nodeAs("a", "ready", "active")})
		if err != nil || got.Want != c.want.Want || got.Running != c.want.Running || got.Old != c.want.Old {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// nobody is a manager that says who it is, and a Namer whose word on that is err.
type nobody struct {
	Manager
	err error
}

func (*nobody) Get(_ context.Context, _ string, _ url.Values, out any) error {
	return json.Unmarshal([]byte(`{"Swarm":{"ControlAvailable":true,"Cluster":{"ID":"sw"}}}`), out)
}

func (n *nobody) Name(context.Context, snapshot.Introduction, func(context.Context) (snapshot.Traces, error)) (string, error) {
	return "sw", n.err
}

// TestASwarmThatCannotBeToldApartHasNoName: its name is asked for anew until it can be told; that the database is away changes nothing.
func TestASwarmThatCannotBeToldApartHasNoName(t *testing.T) {
	who := &nobody{}
	c := New(Config{Manager: who, Namer: who})
	for _, step := range []struct {
		err   error
		named bool
	}{{nil, true}, {snapshot.ErrJournalAway, true}, {fmt.Errorf("%w: two of them", snapshot.ErrEngineAway), false}, {nil, true}} {
		who.err = step.err
		if err := c.Introduce(t.Context()); !errors.Is(err, step.err) {
			t.Errorf("introduced with %v: %v", step.err, err)
		}
		if name, err := c.ID(t.Context()); (name == "sw" && err == nil) != step.named {
			t.Errorf("after %v it is %q, %v", step.err, name, err)
		}
	}
}

// leaderless is a manager of a Swarm that has no leader.
type leaderless struct{ Manager }

func (leaderless) Get(_ context.Context, _ string, _ url.Values, out any) error {
	return json.Unmarshal([]byte(`{"Swarm":{"ControlAvailable":true,"Cluster":{"ID":""}}}`), out)
}

// TestASwarmWithoutALeaderIsAway: it is neither no Swarm, nor one without a name.
func TestASwarmWithoutALeaderIsAway(t *testing.T) {
	if cluster, err := Managed(t.Context(), leaderless{}); cluster != "" || !errors.Is(err, snapshot.ErrEngineAway) {
		t.Errorf("it manages %q, %v", cluster, err)
	}
	if name, err := New(Config{Manager: leaderless{}}).ID(t.Context()); name != "" || !errors.Is(err, snapshot.ErrEngineAway) {
		t.Errorf("its name is %q, %v", name, err)
	}
}

// ailing is a manager that says of its Swarm what info is, if it answers.
type ailing struct {
	Manager
	away error
	info string
}

func (a ailing) Ping(context.Context) error { return a.away }

func (a ailing) Get(_ context.Context, _ string, _ url.Values, out any) error {
	if a.away != nil {
		return a.away
	}
	return json.Unmarshal([]byte(a.info), out)
}

// TestALostLeaderIsTold: and so is a manager that is none any more. That the manager itself is away is told of the engine. Nothing is done
// in any of these cases, for as long as another bot can do it.
func TestALostLeaderIsTold(t *testing.T) {
	led := `{"Swarm":{"ControlAvailable":true,"Cluster":{"ID":"sw"}}}`
	for name, c := range map[string]struct {
		manager ailing
		told    error
		pinged  error
	}{
		"led":        {ailing{info: led}, nil, nil},
		"leaderless": {ailing{info: `{"Swarm":{"ControlAvailable":true,"Cluster":{"ID":""}}}`}, snapshot.ErrEngineAway, snapshot.ErrEngineAway},
		"demoted":    {ailing{info: `{"Swarm":{"ControlAvailable":false}}`}, ErrNoManager, snapshot.ErrEngineAway},
		"away":       {ailing{info: led, away: snapshot.ErrEngineAway}, nil, snapshot.ErrEngineAway},
	} {
		of := New(Config{Manager: c.manager})
		if err := of.Answers(t.Context()); !errors.Is(err, c.told) {
			t.Errorf("%s: %v", name, err)
		}
		if err := of.Ping(t.Context()); !errors.Is(err, c.pinged) {
			t.Errorf("%s, and to a ping: %v", name, err)
		}
	}
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

// one is a manager of a Swarm with one service.
type one struct {
	Manager
	spec string
}

func (o one) Get(_ context.Context, path string, _ url.Values, out any) error {
	if path != "/services/svc" {
		return snapshot.ErrGone
	}
	return json.Unmarshal([]byte(`{"ID":"svc","Spec":`+o.spec+`}`), out)
}

// TestASpecWithoutADigestDoesNotBringItsImageBack: people are told that before.
func TestASpecWithoutADigestDoesNotBringItsImageBack(t *testing.T) {
	c := New(Config{Manager: one{spec: replicated}})
	for image, losses := range map[string]int{"shop:2": 1, "shop:2@sha256:0123": 0} {
		spec := strings.Replace(replicated, "shop:2", image, 1)
		got, err := c.Check(t.Context(), json.RawMessage(`{"Service":"svc","Spec":`+spec+`}`))
		if err != nil || len(got.Losses) != losses || len(got.Problems) != 0 {
			t.Errorf("of %s: %+v, %v", image, got, err)
		}
	}
}
