package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
)

// completed is what a shell gets for a line of words, the last of which is begun.
func completed(t *testing.T, url string, words ...string) string {
	t.Helper()
	vars := map[string]string{"SNAPBACK_URL": url, "SNAPBACK_TOKEN": "t"}
	var out, log bytes.Buffer
	testkit.OK(t, run(t.Context(), append([]string{"__complete"}, words...), func(name string) string { return vars[name] }, strings.NewReader(""), &out, &log))
	list, noFile := strings.CutSuffix(out.String(), ":4\n")
	if !noFile {
		t.Errorf("%v: files are offered as well: %q", words, out.String())
	}
	return list
}

func TestArgumentsAreCompletedByWhatTheBotKnows(t *testing.T) {
	t.Parallel()
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/containers":
			answer(t, w, 200, wire.Containers{Containers: []wire.Container{{Name: "api", Image: "shop:1.42\tx"}, {Name: "web"}}})
		case "/containers/api/snapshots":
			answer(t, w, 200, wire.Snapshots{Snapshots: []wire.Snapshot{{Name: "pre-deploy-2255", Unwell: "it was unhealthy"}, {Name: "manual-0100"}}})
		case "/incidents":
			answer(t, w, 200, wire.Incidents{Incidents: []wire.Incident{{ID: 7, Title: "checkout answers 500", Status: incidents.Triggered}}})
		default:
			answer(t, w, 404, wire.Problem{Status: 404, Code: "unknown_container", Detail: "There is none."})
		}
	}))
	defer bot.Close()
	for line, want := range map[string]string{
		"deploys ":                    "api\tshop:1.42 x\nweb\n",
		"deploys w":                   "web\n",
		"hold release a":              "api\tshop:1.42 x\n",
		"snapshot restore api pre":    "pre-deploy-2255\t…",
		"snapshot restore nobody ":    "",
		"snapshot restore api good ":  "",
		"export ":                     "7\ttriggered: checkout answers 500\n",
		"token revoke ":               "",
		"containers ":                 "",
		"snapshot delete api manual-": "manual-0100\t…",
	} {
		testkit.Eventually(t, line+" is completed, unless the machine is so busy that the shell has not waited", func() bool {
			got := completed(t, bot.URL, strings.Split(line, " ")...)
			if got == want || strings.HasSuffix(want, "…") && strings.HasPrefix(got, strings.TrimSuffix(want, "…")) && strings.Count(got, "\n") == 1 {
				return true
			}
			if got != "" {
				t.Fatalf("%q: %q, want %q", line, got, want)
			}
			return false
		})
	}
	if got := completed(t, "", "deploys", ""); got != "" {
		t.Errorf("without a bot: %q", got)
	}
	if got := completed(t, "http://127.0.0.1:1", "deploys", ""); got != "" {
		t.Errorf("with a bot that does not answer: %q", got)
	}
}
