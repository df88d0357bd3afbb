package restore_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
)

// TestKamalsProxyFindsWhatARestorePutsBack: it was told the short ID of the container that Kamal has started.
func TestKamalsProxyFindsWhatARestorePutsBack(t *testing.T) {
	k := setup(t)
	image, network, service := k.Image("shop", `CMD ["/app"]`), k.Name("kamal"), k.Name("shop")
	k.Docker("network", "create", network)
	version := func(v string) (id string) {
		return k.Run(service+"-web-"+v, "--network", network, "--label", "service="+service, "--label", "role=web", "--label", "destination=", "-e", "V="+v, image)
	}
	version("v1")
	good := k.Take(service + "-web-v1")
	k.Docker("stop", "-t", "1", service+"-web-v1")
	second := version("v2")
	name := service + "-web-v2"
	k.restored(name, good, "V=v1")
	k.answers(network, name, second)

	third := k.Container(name).ID
	k.restored(name, good, "V=v1")
	k.answers(network, name, second, third)
}

// restored restores, and expects what was in the snapshot under the name of what ran.
func (k *kit) restored(name string, s snapshot.Snapshot, env string) {
	k.T.Helper()
	r := k.Restore(k.Container(name), s.Name)
	if r.State != restore.Verified || r.Container != name || len(r.Unexpected()) > 0 {
		k.T.Fatalf("%s as %s: %s; differences: %+v", r.State, r.Container, r.Error, r.Unexpected())
	}
	if !slices.Contains(k.Env(name), env) {
		k.T.Errorf("its environment is %v, want %s", k.Env(name), env)
	}
}

func (k *kit) answers(network, name string, ids ...string) {
	k.T.Helper()
	got := k.Docker("inspect", "-f", `{{range (index .NetworkSettings.Networks "`+network+`").Aliases}}{{println .}}{{end}}`, name)
	for _, id := range ids {
		if !slices.Contains(strings.Fields(got), id[:12]) {
			k.T.Errorf("it answers to %s, want %s among them", strings.Fields(got), id[:12])
		}
	}
}

func TestRestoreTakesTheNumberOfWhatItReplaces(t *testing.T) {
	k := setup(t)
	image := k.Image("shop", `CMD ["/app"]`)
	numbered := func(n string) string {
		k.Run(k.Name("web-"+n), "--label", "snapback.identity="+k.Name("web"), "--label", "com.docker.compose.project="+k.Name("p"),
			"--label", "com.docker.compose.service=web", "--label", "com.docker.compose.container-number="+n, "-e", "N="+n, image)
		return k.Name("web-" + n)
	}
	numbered("1")
	good := k.Take(k.Name("web-1"))
	in := snapshottest.Must(k.Engine().Inspect(t.Context(), k.Name("web-1")))
	err := k.DB.SetOccupant(t.Context(), snapshot.Occupant{Container: in.Container, Labels: in.Labels, Document: in.Document})
	if err != nil {
		t.Fatal(err)
	}
	k.Docker("rm", "-f", k.Name("web-1"))
	name := numbered("4")
	k.restored(name, good, "N=1")
	label := k.Docker("inspect", "-f", `{{index .Config.Labels "com.docker.compose.container-number"}}`, name)
	if label != "4" {
		t.Errorf("its number is %s, want that of the one that it replaced", label)
	}
}
