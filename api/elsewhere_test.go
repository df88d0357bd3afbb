package api_test

import (
	"testing"

	"github.com/snapback/snapback/snapshot"
)

// What another bot looks after is told and restored through the journal. The rest has to be asked of that bot.
func TestWhatAnotherBotLooksAfterIsRestoredOrSaysWhomToAsk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.shelf = append(b.shelf, snapshot.Snapshot{ID: 99, Key: "key-other", Name: "pre-deploy-2255", CreatedAt: night})
	for _, path := range []string{"/containers/other", "/containers/other/snapshots", "/containers/other/snapshots/pre-deploy-2255", "/containers/other/errors"} {
		wantStatus(t, b.do(t, request{path: path}), 200)
	}
	wantStatus(t, b.do(t, request{method: "PATCH", path: "/containers/other/snapshots/pre-deploy-2255", header: map[string]string{"Prefer": "respond-async"}}), 202)
	if len(b.asks) != 1 || !b.asks[0].Container.Elsewhere {
		t.Errorf("asked for was %+v", b.asks)
	}
	for _, q := range []request{
		{method: "POST", path: "/containers/other/snapshots"}, {method: "DELETE", path: "/containers/other/snapshots/pre-deploy-2255"},
		{path: "/containers/other/hold"}, {method: "DELETE", path: "/containers/other/hold"},
	} {
		p := wantCode(t, b.do(t, q), 503, "elsewhere")
		if p.Detail != "Another bot looks after other, on the engine far: ask that one. Its snapshots, restores, deploys and errors are answered here as well." {
			t.Errorf("%s %s: %s", q.method, q.path, p.Detail)
		}
	}
	if len(b.takes) != 0 {
		t.Error("a snapshot was taken")
	}
	wantCode(t, b.do(t, request{path: "/containers/nobody"}), 404, "unknown_container")
}
