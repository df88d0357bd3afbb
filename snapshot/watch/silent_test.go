package watch_test

import (
	"testing"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
)

// TestContainerThatHangsKeepsNoDeployFromBeingSeen also when it hangs beside one whose place it may have, so that every look
// asks about it; and what was deployed can be restored.
func TestContainerThatHangsKeepsNoDeployFromBeingSeen(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	p := enginefault.Start(t, "", k.Only())
	e := snapshottest.Must(docker.New(t.Context(), docker.Config{Host: p.Host(), Record: k.DB}))
	t.Cleanup(func() { _ = e.Close() })
	k.Restorer = k.Started(restore.Config{Engine: e, Journal: k.DB, Bot: "other"})
	k.Watch(func(w *watch.Config) { w.Engine = snapshottest.Narrow{Engine: e, Token: k.Name("")} })
	first, web := k.Run(api, image), k.scaled(1, 1, image)
	k.AwaitBaseline(k.Key(api), first)
	k.AwaitBaseline(k.numbered(1), web)
	hangs := k.Docker("create", "--name", k.Name("web-2"), "--label", "snapback.enable=true", "--label", k.Only(), "--label", "com.docker.compose.project="+k.Name("p"),
		"--label", "com.docker.compose.service=web", "--label", "com.docker.compose.container-number=2", "--label", "com.docker.compose.oneoff=False", image)
	p.Silence(hangs)
	k.Docker("start", hangs)
	second := k.replace(api, "--env", "V=2", image)
	d := k.AwaitDeploys(k.Key(api), 1)[0]
	if d.BeforeID != first || d.AfterID != second || d.Snapshot == "" {
		t.Fatalf("deploy %+v", d)
	}
	if r := k.Restore(k.Container(api), d.Snapshot); r.State != restore.Verified {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}
