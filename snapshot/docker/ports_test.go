package docker_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
)

type binding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

type published map[string][]binding

// sorted are the same ports in an order that does not depend on their numbers, as the engine's does.
func (p published) sorted() published {
	for _, bindings := range p {
		slices.SortFunc(bindings, func(a, b binding) int { return strings.Compare(a.HostIP+" "+a.HostPort, b.HostIP+" "+b.HostPort) })
	}
	return p
}

func publishedBy(s *enginetest.Scope, name string) published {
	return enginetest.Decode[inspected](s, s.Raw(name)).NetworkSettings.Ports
}

// TestRestoreKeepsPortsDrawnApartForIPv4AndIPv6: whether the two are the same depends on what else the engine has
// published, so here the snapshot's document is made to say that they were not.
func TestRestoreKeepsPortsDrawnApartForIPv4AndIPv6(t *testing.T) {
	t.Parallel()
	s, name, id := setup(t, "--publish", "80", "--publish", "28443:81")
	drawn := publishedBy(s, name)["80/tcp"]
	if len(drawn) != 2 {
		t.Skip("this engine publishes on IPv4 only")
	}
	spec := keep(t, s, id, false)
	spec.Document = apart(t, spec.Document)
	s.Docker("rm", "--force", name)

	e := s.Engine()
	finding, err := e.Check(t.Context(), name, spec)
	testkit.OK(t, err)
	if len(finding.Problems) > 0 {
		t.Errorf("preflight: %q", finding.Problems)
	}
	restored, err := e.Create(t.Context(), name, spec)
	testkit.OK(t, err)
	testkit.OK(t, e.Start(t.Context(), restored))
	want := published{"80/tcp": {{"0.0.0.0", "28441"}, {"::", "28442"}}, "81/tcp": {{"0.0.0.0", "28443"}, {"::", "28443"}}}
	if diff := cmp.Diff(want, publishedBy(s, name).sorted()); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	now, err := e.Inspect(t.Context(), restored)
	testkit.OK(t, err)
	differences, err := e.Compare(spec.Document, spec, now.Document)
	testkit.OK(t, err)
	if len(differences) != 1 || differences[0].Attribute != "port 80/tcp" || differences[0].Expected == "" {
		t.Errorf("differences: %+v", differences)
	}
}

// apart has port 80 drawn as 28441 for IPv4, and as 28442 for IPv6.
func apart(t *testing.T, document json.RawMessage) json.RawMessage {
	t.Helper()
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	testkit.OK(t, dec.Decode(&doc))
	ports := doc["NetworkSettings"].(map[string]any)["Ports"].(map[string]any)
	ports["80/tcp"] = []map[string]string{{"HostIp": "0.0.0.0", "HostPort": "28441"}, {"HostIp": "::", "HostPort": "28442"}}
	out, err := json.Marshal(doc)
	testkit.OK(t, err)
	return out
}
