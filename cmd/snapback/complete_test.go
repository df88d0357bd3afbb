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

// completing is a bot for one line, and what it is asked.
func completing(t *testing.T) (url string, asked chan string) {
	t.Helper()
	asked = make(chan string, 100)
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
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
	t.Cleanup(bot.Close)
	return bot.URL, asked
}

func TestArgumentsAreCompletedByWhatTheBotKnows(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]struct{ asks, gets string }{
		"deploys ":                    {"/containers", "api\tshop:1.42 x\nweb\n"},
		"deploys w":                   {"/containers", "web\n"},
		"hold release a":              {"/containers", "api\tshop:1.42 x\n"},
		"snapshot restore api pre":    {"/containers/api/snapshots", "pre-deploy-2255\t…"},
		"snapshot restore nobody ":    {"/containers/nobody/snapshots", ""},
		"snapshot restore api good ":  {},
		"export ":                     {"/incidents", "7\ttriggered: checkout answers 500\n"},
		"token revoke ":               {},
		"containers ":                 {},
		"export 7 --format h":         {"", "html\n"},
		"snapshot create a --reason ": {"", "manual\npre-deploy\n"},
		"token create me --scope re":  {"", "restore\n"},
		"init --ask SLACK_CH":         {"", "SLACK_CHANNEL\n"},
		"snapshot delete api manual-": {"/containers/api/snapshots", "manual-0100\t…"},
	} {
		url, asked := completing(t)
		testkit.Eventually(t, line+" is completed, unless the machine is so busy that the shell has not waited", func() bool {
			got, path := completed(t, url, strings.Split(line, " ")...), ""
			select {
			case path = <-asked:
			default:
			}
			begins, open := strings.CutSuffix(want.gets, "…")
			if path == want.asks && (got == want.gets || open && strings.HasPrefix(got, begins) && strings.Count(got, "\n") == 1) {
				return true
			}
			if got != "" || path != want.asks && path != "" {
				t.Fatalf("%q: %q, of %q, want %q", line, got, path, want)
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
