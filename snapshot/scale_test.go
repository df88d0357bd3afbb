package snapshot_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
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
	if _, err := exec.LookPath("docker-compose"); err != nil {
		t.Skip("docker-compose is not installed")
	}
	k := setup(t)
	image, dir, project := k.image("shop"), t.TempDir(), k.Name("shop")
	up := func(round, scale int) {
		t.Helper()
		file := filepath.Join(dir, "docker-compose.yml")
		if err := os.WriteFile(file, fmt.Appendf(nil, scaledFile, image, round), 0o600); err != nil {
			t.Fatal(err)
		}
		compose(t, file, project, "up", "-d", "--scale", fmt.Sprint("web=", scale))
	}
	t.Cleanup(func() { compose(t, filepath.Join(dir, "docker-compose.yml"), project, "down", "-t", "1") })
	key := func(n int) string {
		return fmt.Sprintf("%s/compose/%s/web/%d", must(k.Engine().ID(t.Context())), project, n)
	}
	k.watch()
	up(1, 1)
	k.until("the first has a baseline", func() bool { return len(k.of(key(1), snapshot.Baseline)) == 1 })
	up(1, 3)
	k.until("the second has a baseline", func() bool { return len(k.of(key(2), snapshot.Baseline)) == 1 })
	up(2, 2)
	for n := 1; n <= 2; n++ {
		d := k.awaitDeploys(key(n), 1)[0]
		if diff := cmp.Diff([]string{"env ROUND: 1 → 2"}, lines(d.Changes)); diff != "" || d.Snapshot == "" {
			t.Errorf("deploy %+v of number %d (-want +got):\n%s", d, n, diff)
		}
	}
	if list := k.deploys(key(3)); len(list) != 0 {
		t.Errorf("scaling down was taken for a deploy: %+v", list)
	}
	known := must(k.db.KnownContainers(t.Context(), ""))
	if len(known) != 3 {
		t.Errorf("%d identities are known, want 3: the names of the dance are none: %+v", len(known), known)
	}
}

func compose(t *testing.T, file, project string, args ...string) {
	t.Helper()
	out, err := exec.Command("docker-compose", append([]string{"-f", file, "-p", project}, args...)...).CombinedOutput()
	if err != nil {
		t.Errorf("docker-compose %s: %v\n%s", args[0], err, out)
	}
}
