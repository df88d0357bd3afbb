package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
)

// filed is a manager of a Swarm with services, configs and secrets.
type filed struct {
	Manager
	services []service
	objects  map[string]*labelledObject // by path
	posts    int
	denied   error
}

func (m *filed) Get(_ context.Context, path string, query url.Values, out any) error {
	var answer any = m.services
	switch o, one := m.objects[path]; {
	case path == "/services":
	case query.Get("filters") != "":
		list := []labelledObject{}
		for at, o := range m.objects {
			if _, has := o.Spec.Labels[keptBy]; has && at[:8] == path {
				list = append(list, *o)
			}
		}
		answer = list
	case one:
		answer = o
	default:
		return snapshot.ErrGone
	}
	raw, err := json.Marshal(answer)
	return errors.Join(err, json.Unmarshal(raw, out))
}

func (m *filed) Post(_ context.Context, path string, _ url.Values, body, _ any) error {
	if m.denied != nil {
		return m.denied
	}
	m.posts++
	o := m.objects[path[:len(path)-len("/update")]]
	raw, err := json.Marshal(body)
	o.Spec.Labels = nil
	return errors.Join(err, json.Unmarshal(raw, &o.Spec))
}

// specs is what is kept of services.
type specs map[string][]snapshot.Snapshot

func (s specs) Kept(context.Context, string) (map[string][]snapshot.Snapshot, error) { return s, nil }

func (s specs) SnapshotByID(_ context.Context, id int64) (snapshot.Snapshot, error) {
	for _, list := range s {
		for _, one := range list {
			if one.ID == id {
				return one, nil
			}
		}
	}
	return snapshot.Snapshot{}, snapshot.ErrUnknownSnapshot
}

func specWith(name, labels, config string) string {
	return fmt.Sprintf(`{"Name":%q,"Labels":{%s},"TaskTemplate":{"ContainerSpec":{"Configs":[{"ConfigID":%q,"ConfigName":"name"}],
		"Secrets":[{"SecretID":"s","SecretName":"password"}]}},"Mode":{"Replicated":{}}}`, name, labels, config)
}

// TestWhatKeptSpecsNeedIsLabelled: a config that a deploy has replaced, until its spec is no longer kept. What services use, what other
// bots have labelled, and what is gone, are left alone.
func TestWhatKeptSpecsNeedIsLabelled(t *testing.T) {
	const on = `"snapback.enable":"true","team":"a"`
	m := &filed{objects: map[string]*labelledObject{}}
	for path, labels := range map[string]map[string]string{
		"/configs/old": {"com.docker.stack.namespace": "web"}, "/configs/new": nil, "/secrets/s": nil,
		"/configs/another": {keptBy: "another,gone"},
	} {
		o := &labelledObject{ID: path[9:]}
		o.Spec.Name, o.Spec.Labels = "name", labels
		m.objects[path] = o
	}
	m.services = []service{
		{ID: "1", Spec: json.RawMessage(specWith("shop", on, "new"))},
		{ID: "2", Spec: json.RawMessage(specWith("another", `"snapback.enable":"true"`, "new"))},
	}
	document := func(config string) json.RawMessage {
		return json.RawMessage(`{"Service":"1","Spec":` + specWith("shop", on, config) + `}`)
	}
	kept := specs{"sw/shop": {{ID: 1, Document: document("old")}, {ID: 2, Document: document("removed")}, {ID: 3, Document: document("new")}, {ID: 4}}}
	l := &Labels{Cluster: New(Config{Manager: m, Only: "team=a"}), Store: kept, Logger: slog.New(slog.DiscardHandler)}
	labels := func() map[string]string {
		out := map[string]string{}
		for path, o := range m.objects {
			if value, has := o.Spec.Labels[keptBy]; has {
				out[path] = value
			}
		}
		return out
	}
	expect := func(when string, want map[string]string, posts int) {
		t.Helper()
		if err := l.Update(t.Context(), "sw"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, labels()); diff != "" || m.posts != posts {
			t.Errorf("%s, after %d calls (-want +got):\n%s", when, m.posts, diff)
		}
	}
	m.denied = &snapshot.DeniedError{}
	expect("denied", map[string]string{"/configs/another": "another,gone"}, 0)
	m.denied = nil
	expect("kept", map[string]string{"/configs/old": "shop", "/configs/another": "another"}, 2)
	expect("again", map[string]string{"/configs/old": "shop", "/configs/another": "another"}, 2)
	if m.objects["/configs/old"].Spec.Labels["com.docker.stack.namespace"] != "web" {
		t.Error("its other labels are gone")
	}
	m.services[0].Spec = json.RawMessage(specWith("shop", `"snapback.enable":"false","team":"a"`, "new"))
	expect("enabled no longer", map[string]string{"/configs/another": "another"}, 3)
	m.services[0].Spec = json.RawMessage(specWith("shop", on, "new"))
	expect("enabled again", map[string]string{"/configs/old": "shop", "/configs/another": "another"}, 4)
	kept["sw/shop"] = kept["sw/shop"][1:]
	expect("kept no longer", map[string]string{"/configs/another": "another"}, 5)
}
