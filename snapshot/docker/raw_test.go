package docker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
)

// cantBeSame are the only paths of a raw inspect document in which a container may differ from one restored from it.
var cantBeSame = regexp.MustCompile(`^(?:Id|Created|State\..*|(?:ResolvConf|Hostname|Hosts|Log)Path|RestartCount|GraphDriver\..*|` +
	`NetworkSettings\.(?:SandboxID|SandboxKey|EndpointID|Gateway|IPAddress|MacAddress)|` +
	`NetworkSettings\.Networks\..+\.(?:EndpointID|Gateway|IPAddress|MacAddress))$`)

// rawDifferences compares leaf by leaf. The container's own short ID is written as <short ID>, wherever it stands alone.
// Mounts are sorted by where they are, since the engine keeps them in a map, and published ports by their address: the
// engine lists them in an order of its own, which depends on the numbers that it has drawn.
func rawDifferences(before, after json.RawMessage) map[string]string {
	a, b := leaves(before), leaves(after)
	all := maps.Clone(a)
	maps.Copy(all, b)
	out := map[string]string{}
	for path := range all {
		if a[path] != b[path] && !cantBeSame.MatchString(path) {
			out[path] = fmt.Sprintf("%s became %s", a[path], b[path])
		}
	}
	return out
}

func leaves(raw json.RawMessage) map[string]string {
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		panic(err)
	}
	if mounts, ok := doc["Mounts"].([]any); ok {
		slices.SortFunc(mounts, func(x, y any) int { return strings.Compare(destination(x), destination(y)) })
	}
	for _, bindings := range doc["NetworkSettings"].(map[string]any)["Ports"].(map[string]any) {
		if list, ok := bindings.([]any); ok {
			slices.SortFunc(list, func(x, y any) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
		}
	}
	out := map[string]string{}
	walk("", doc, doc["Id"].(string)[:12], out)
	return out
}

func destination(mount any) string { return mount.(map[string]any)["Destination"].(string) }

func walk(path string, v any, shortID string, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			walk(strings.TrimPrefix(path+"."+key, "."), member, shortID, out)
		}
	case []any:
		if strings.HasSuffix(path, ".Aliases") { // a set; the engine puts the short ID last, Compose puts it anywhere
			slices.SortFunc(v, func(x, y any) int { return strings.Compare(fmt.Sprint(x == shortID, x), fmt.Sprint(y == shortID, y)) })
		}
		out[path+"[]"] = fmt.Sprint(len(v))
		for i, element := range v {
			walk(fmt.Sprintf("%s[%d]", path, i), element, shortID, out)
		}
	default:
		text := fmt.Sprintf("%#v", v)
		if v == shortID {
			text = "<short ID>"
		}
		out[path] = text
	}
}

// createRaw makes and starts a container without the docker command.
func createRaw(t *testing.T, s *enginetest.Scope, name, image string, body map[string]any) string {
	t.Helper()
	body = maps.Clone(body)
	body["Image"] = image
	body["Labels"] = map[string]string{"snapback.enable": "true"}
	doc, err := json.Marshal(body)
	testkit.OK(t, err)
	doc = placeholder.ReplaceAllFunc(doc, func(p []byte) []byte { return []byte(s.Name(string(p[1:]))) })
	cli := s.Engine().Client()
	version := "" // the newest
	if body["MacAddress"] != nil {
		version = "/v" + cli.ClientVersion() // from 1.52 on it is not looked at any more
	}
	url := "http://api.moby.localhost" + version + "/containers/create?name=" + name
	resp, err := cli.HTTPClient().Post(url, "application/json", bytes.NewReader(doc))
	testkit.OK(t, err)
	answer, err := io.ReadAll(resp.Body)
	testkit.OK(t, err)
	testkit.OK(t, resp.Body.Close())
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("creating %s: %s", name, answer)
	}
	id := enginetest.Decode[struct{ ID string }](s, answer).ID
	s.Docker("start", id)
	return id
}
