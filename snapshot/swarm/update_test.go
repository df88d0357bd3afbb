package swarm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/snapback/snapback/snapshot"
)

// written is a manager of one service, and what it was told of that.
type written struct {
	Manager
	spec string
	told []string
}

func (m *written) Get(_ context.Context, _ string, _ url.Values, out any) error {
	return json.Unmarshal(fmt.Appendf(nil, `{"ID":"svc","Version":{"Index":7},"Spec":%s}`, m.spec), out)
}

func (m *written) Post(_ context.Context, path string, query url.Values, body, _ any) error {
	raw, err := json.Marshal(body)
	m.spec, m.told = string(raw), append(m.told, path+"?"+query.Encode())
	return err
}

func shopOf(image string, replicas int) string {
	return fmt.Sprintf(`{"Name":"shop","Mode":{"Replicated":{"Replicas":%d}},"TaskTemplate":{"ContainerSpec":{"Image":%q}}}`, replicas, image)
}

// TestAnUpdateKeepsTheNumberOfTasksUnlessAsked: and takes the kept one also where nothing else is to be changed. One that was done is done, whatever
// somebody has scaled since.
func TestAnUpdateKeepsTheNumberOfTasksUnlessAsked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spec     string
		from     string // of which the update may make it
		replicas bool
		want     string // its image and tasks
		updates  int
	}{
		"as they are":               {shopOf("new", 3), "new", false, "old 3", 1},
		"as they were":              {shopOf("new", 3), "new", true, "old 2", 1},
		"the same":                  {shopOf("old", 3), "old", false, "old 3", 0},
		"the same, as they were":    {shopOf("old", 3), "old", true, "old 2", 1},
		"done, and scaled since":    {shopOf("old", 5), "new", true, "old 5", 0},
		"the same, and as they are": {shopOf("old", 2), "old", true, "old 2", 0},
	} {
		m := &written{spec: test.spec}
		document := fmt.Appendf(nil, `{"Service":"svc","Spec":%s}`, shopOf("old", 2))
		from := viewAs(t, shopOf(test.from, 1)).revision
		if err := New(Config{Manager: m}).Update(t.Context(), document, []string{from}, test.replicas); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s, err := parseSpec(json.RawMessage(m.spec))
		if err != nil {
			t.Fatal(err)
		}
		n, _ := s.replicas()
		if is := fmt.Sprint(s.TaskTemplate.ContainerSpec.Image, " ", n); is != test.want || len(m.told) != test.updates {
			t.Errorf("%s: it is %s, want %s, by %q", name, is, test.want, m.told)
		}
		if test.updates == 1 && !strings.HasSuffix(m.told[0], "/services/svc/update?registryAuthFrom=spec&version=7") {
			t.Errorf("%s: the manager is told %q", name, m.told)
		}
	}
}

// TestADocumentOfBeforeTellsOfPlacementWhatItsSpecHas: it has no tasks. One that says nothing has none.
func TestADocumentOfBeforeTellsOfPlacementWhatItsSpecHas(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	plain, err := c.PlacementOf(fmt.Appendf(nil, `{"Service":"svc","Spec":%s}`, shopOf("old", 2)))
	if err != nil || plain != nil {
		t.Errorf("of one without, it tells %+v, %v", plain, err)
	}
	with := strings.Replace(shopOf("old", 2), `"TaskTemplate":{`, `"TaskTemplate":{"Placement":{"Constraints":["node.role==worker"],
		"Preferences":[{"Spread":{"SpreadDescriptor":"node.labels.zone"}}],"MaxReplicas":1},`, 1)
	p, err := c.PlacementOf(fmt.Appendf(nil, `{"Service":"svc","Spec":%s}`, with))
	if err != nil {
		t.Fatal(err)
	}
	want := snapshot.Placement{Constraints: []string{"node.role==worker"}, Spread: []string{"node.labels.zone"}, MaxOnNode: 1, Tasks: []snapshot.PlacedTask{}}
	if got, want := fmt.Sprintf("%+v", *p), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("it tells %s, want %s", got, want)
	}
}
