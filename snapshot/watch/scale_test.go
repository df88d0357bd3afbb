package watch_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
)

const scaledFile = `version: "2.4"
services:
  web:
    image: %s
    environment: {ROUND: "%d"}
    labels: {snapback.enable: "true"}
    stop_grace_period: 1s
`

func TestComposeUpIsADeployAndScalingIsNot(t *testing.T) {
	enginetest.EachCompose(t, composeUpIsADeploy)
}

func composeUpIsADeploy(t *testing.T, with enginetest.Compose) {
	k := setup(t)
	image := k.Server("shop")
	p := k.Project(with, "")
	up := func(round, scale int) {
		t.Helper()
		p.Write(fmt.Sprintf(scaledFile, image, round))
		p.Compose("up", "-d", "--scale", fmt.Sprint("web=", scale))
	}
	key := func(n int) string {
		return fmt.Sprintf("%s/compose/%s/web/%d", snapshottest.Must(k.Engine().ID(t.Context())), p.Name, n)
	}
	k.Watch()
	up(1, 1)
	k.Until("the first has a baseline", func() bool { return len(k.Of(key(1), snapshot.Baseline)) == 1 })
	up(1, 3)
	for n := 2; n <= 3; n++ {
		k.Until("the others have a baseline", func() bool { return len(k.Of(key(n), snapshot.Baseline)) == 1 })
	}
	up(2, 2)
	left := p.Numbers("web") // Compose 2 may take any of the three away
	if len(left) != 2 {
		t.Fatalf("scaled to 2, there are numbers %v", left)
	}
	for n := 1; n <= 3; n++ {
		if !slices.Contains(left, n) {
			if list := k.Deploys(key(n)); len(list) != 0 {
				t.Errorf("scaling down was taken for a deploy: %+v", list)
			}
			continue
		}
		d := k.AwaitDeploys(key(n), 1)[0]
		if diff := cmp.Diff([]string{"env ROUND: 1 → 2"}, lines(d.Changes)); diff != "" || d.Snapshot == "" {
			t.Errorf("deploy %+v of number %d (-want +got):\n%s", d, n, diff)
		}
	}
	known := snapshottest.Must(k.DB.KnownContainers(t.Context(), ""))
	if len(known) != 3 {
		t.Errorf("%d identities are known, want 3: the names of the dance are none: %+v", len(known), known)
	}
}
