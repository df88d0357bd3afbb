package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/snapback/snapback/snapshot"
)

// machines is a manager of three nodes, of which one is drained, with a registry.
type machines struct {
	Manager
	has   bool  // what the registry says
	err   error // or why it says nothing
	asked []string
	now   string // the spec that the service has
}

const threeNodes = `[{"ID":"n1","Spec":{"Role":"manager","Availability":"active","Labels":{"disk":"ssd"}},"Description":{"Hostname":"one"},
		"Status":{"State":"ready"}},
	{"ID":"n2","Spec":{"Role":"worker","Availability":"active"},"Description":{"Hostname":"two"},"Status":{"State":"ready"}},
	{"ID":"n3","Spec":{"Role":"worker","Availability":"drain"},"Description":{"Hostname":"three"},"Status":{"State":"ready"}}]`

func (m *machines) Get(_ context.Context, path string, _ url.Values, out any) error {
	switch path {
	case "/nodes":
		return json.Unmarshal([]byte(threeNodes), out)
	case "/services/svc":
		return json.Unmarshal([]byte(`{"ID":"svc","Spec":`+m.now+`}`), out)
	}
	return fmt.Errorf("it asks for %s", path)
}

func (m *machines) RegistryHas(_ context.Context, ref string) (bool, error) {
	m.asked = append(m.asked, ref)
	return m.has, m.err
}

// has is an engine that has an image, or says why not.
type has struct{ err error }

func (h has) FindImage(_ context.Context, ref string) (snapshot.Image, error) {
	if ref != "registry:5000/shop@sha256:1" {
		return snapshot.Image{}, fmt.Errorf("it is asked for %s", ref)
	}
	return snapshot.Image{}, h.err
}

func (h has) HasVolume(_ context.Context, name string) (bool, error) {
	if errors.Is(h.err, snapshot.ErrGone) {
		return false, nil
	}
	return true, h.err
}

// TestARestoreIsRefusedOnlyOnceNoNodeCanHaveTheImage: what nobody knows speaks against nothing, and is said.
func TestARestoreIsRefusedOnlyOnceNoNodeCanHaveTheImage(t *testing.T) {
	t.Parallel()
	there, gone, away := has{}, has{snapshot.ErrGone}, has{snapshot.ErrEngineAway}
	const refused = "no node can have its image registry:5000/shop:1: not on one, two, and its registry has it no more"
	for name, test := range map[string]struct {
		engines    map[string]NodeEngine
		constraint string
		has        bool
		err        error
		why, doubt string // what it says begins with that
		asked      int    // how often the registry is
	}{
		"all have it":                  {map[string]NodeEngine{"n1": there, "n2": there}, "", false, nil, "", "", 0},
		"one has it, and the registry": {map[string]NodeEngine{"n1": there, "n2": gone}, "", true, nil, "", "", 1},
		"the registry alone":           {map[string]NodeEngine{"n1": gone, "n2": gone}, "", true, nil, "", "", 1},
		"nobody":                       {map[string]NodeEngine{"n1": gone, "n2": gone}, "", false, nil, refused, "", 1},
		"one alone": {map[string]NodeEngine{"n1": there, "n2": gone}, "", false, nil,
			"", "whether every node can have its image (not on two, and its registry has it no more)", 1},
		"one can't be asked": {map[string]NodeEngine{"n1": gone}, "", false, nil,
			"", "whether every node can have its image (not on one; nobody can ask the engine of two, and its registry has it no more)", 1},
		"one is away": {map[string]NodeEngine{"n1": gone, "n2": away}, "", false, nil,
			"", "whether every node can have its image (not on one; nobody can ask the engine of two, ", 1},
		"the registry wants a login": {map[string]NodeEngine{"n1": gone, "n2": gone}, "", false, errors.New("no basic auth credentials"),
			"", "whether every node can have its image (not on one, two, and its registry does not say)", 1},
		"no engine":                      {nil, "", true, nil, "", "", 1},
		"on the manager alone":           {map[string]NodeEngine{"n1": there}, "node.role == manager", false, nil, "", "", 0},
		"by a label":                     {map[string]NodeEngine{"n1": there}, "node.labels.disk==ssd", false, nil, "", "", 0},
		"on no manager":                  {map[string]NodeEngine{"n2": there}, "Node.Role!=Manager", false, nil, "", "", 0},
		"by what nobody here knows":      {map[string]NodeEngine{"n1": there, "n2": there}, "node.tomorrow==yes", false, nil, "", "", 0},
		"where no node can run a task":   {nil, "node.hostname==four", false, nil, "", "", 0},
		"where the drained one is asked": {map[string]NodeEngine{"n1": there, "n2": there, "n3": gone}, "", false, nil, "", "", 0},
	} {
		m := &machines{has: test.has, err: test.err}
		c := New(Config{Manager: m, Engines: func(context.Context) map[string]NodeEngine { return test.engines }})
		placed := fmt.Sprintf(`"TaskTemplate":{"Placement":{"Constraints":[%q]},`, test.constraint)
		spec := strings.Replace(shopOf("registry:5000/shop:1@sha256:1", 2), `"TaskTemplate":{`, placed, 1)
		why, doubt, err := c.OnNodes(t.Context(), fmt.Appendf(nil, `{"Service":"svc","Spec":%s}`, spec))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if said := strings.Join(why, "; "); !strings.HasPrefix(said, test.why) || (said == "") != (test.why == "") {
			t.Errorf("%s: it is refused since %q, want %q", name, said, test.why)
		}
		if !strings.HasPrefix(doubt, test.doubt) || (doubt == "") != (test.doubt == "") {
			t.Errorf("%s: it is not known %q, want %q", name, doubt, test.doubt)
		}
		if len(m.asked) != test.asked || test.asked == 1 && m.asked[0] != "registry:5000/shop@sha256:1" {
			t.Errorf("%s: the registry is asked for %q", name, m.asked)
		}
	}
}

// TestAnImageWithoutADigestIsNotLookedFor: its tag is whatever it means when a node pulls it.
func TestAnImageWithoutADigestIsNotLookedFor(t *testing.T) {
	t.Parallel()
	m := &machines{}
	document := fmt.Appendf(nil, `{"Service":"svc","Spec":%s}`, shopOf("registry:5000/shop:1", 2))
	why, doubt, err := New(Config{Manager: m}).OnNodes(t.Context(), document)
	if err != nil || len(why) > 0 || doubt != "" || len(m.asked) > 0 {
		t.Errorf("%q, %q, %v, and the registry is asked for %q", why, doubt, err, m.asked)
	}
}

// TestAVolumeThatComesBackEmptyRefusesARestore: one that no node has, and that none makes with what was in it.
func TestAVolumeThatComesBackEmptyRefusesARestore(t *testing.T) {
	t.Parallel()
	there, gone, away := has{}, has{snapshot.ErrGone}, has{snapshot.ErrEngineAway}
	const data = `{"Type":"volume","Source":"data","Target":"/data"}`
	of := func(mounts string) string {
		return strings.Replace(shopOf("shop:1", 2), `"Image"`, `"Mounts":[`+mounts+`],"Image"`, 1)
	}
	options := func(driver string) string {
		return strings.Replace(data, `}`, `,"VolumeOptions":{"DriverConfig":`+driver+`}}`, 1)
	}
	for name, test := range map[string]struct {
		engines    map[string]NodeEngine
		mounts     string // of the spec that is to come back
		now        string // and of the one that is there
		why, doubt string
	}{
		"all have it": {map[string]NodeEngine{"n1": there, "n2": there}, data, "", "", ""},
		"one has it":  {map[string]NodeEngine{"n1": gone, "n2": there}, data, "", "", ""},
		"none has it": {map[string]NodeEngine{"n1": gone, "n2": gone}, data, "",
			"volume data is gone from one, two, and would come back empty: create it there (docker volume create data), or restore another snapshot", ""},
		"none has it, also of now": {map[string]NodeEngine{"n1": gone, "n2": gone}, data, data, "volume data is gone from one, two, ", ""},
		"the deploy has kept it":   {map[string]NodeEngine{"n1": gone, "n2": away}, data, data, "", ""},
		"one can't be asked": {map[string]NodeEngine{"n1": gone, "n2": away}, data, "",
			"", "whether volume data is there still (not on one; nobody can ask the engine of two)"},
		"another driver's":      {map[string]NodeEngine{"n1": gone, "n2": gone}, options(`{"Name":"nfs"}`), "", "", ""},
		"what options say":      {map[string]NodeEngine{"n1": gone, "n2": gone}, options(`{"Options":{"type":"nfs"}}`), "", "", ""},
		"the local driver's":    {map[string]NodeEngine{"n1": gone, "n2": gone}, options(`{"Name":"local"}`), "", "volume data is gone from one, two, ", ""},
		"one without a name":    {map[string]NodeEngine{"n1": gone, "n2": gone}, `{"Type":"volume","Target":"/data"}`, "", "", ""},
		"a task's own":          {map[string]NodeEngine{"n1": gone, "n2": gone}, `{"Type":"volume","Source":"data-{{.Task.Slot}}"}`, "", "", ""},
		"a folder of the nodes": {map[string]NodeEngine{"n1": gone, "n2": gone}, `{"Type":"bind","Source":"/data"}`, "", "", ""},
	} {
		c := New(Config{Manager: &machines{now: of(test.now)}, Engines: func(context.Context) map[string]NodeEngine { return test.engines }})
		why, doubt, err := c.OnNodes(t.Context(), fmt.Appendf(nil, `{"Service":"svc","Spec":%s}`, of(test.mounts)))
		if said := strings.Join(why, "; "); err != nil || !strings.HasPrefix(said, test.why) || (said == "") != (test.why == "") || doubt != test.doubt {
			t.Errorf("%s: %v; it is refused since %q, want %q; it is not known %q, want %q", name, err, said, test.why, doubt, test.doubt)
		}
	}
}
