package watch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
)

// scaled is a member of a Compose service, as Compose makes it.
func (k *kit) scaled(n, round int, image string) (id string) {
	return k.Run(k.Name(fmt.Sprint("web-", n)), "--label", "com.docker.compose.project="+k.Name("p"), "--label", "com.docker.compose.service=web",
		"--label", fmt.Sprint("com.docker.compose.container-number=", n), "--label", fmt.Sprint("com.docker.compose.config-hash=", round),
		"--label", "com.docker.compose.oneoff=False", "-e", fmt.Sprint("ROUND=", round), image)
}

func (k *kit) numbered(n int) string {
	return fmt.Sprintf("%s/compose/%s/web/%d", snapshottest.Must(k.Engine().ID(k.T.Context())), k.Name("p"), n)
}

// known are the names of all that is on record.
func (k *kit) known() map[string]string {
	out := map[string]string{}
	for _, c := range snapshottest.Must(k.DB.KnownContainers(k.T.Context(), "")) {
		state := "there"
		if c.Gone() {
			state = "gone"
		}
		out[c.Name] = state
	}
	return out
}

func (k *kit) shown() []string {
	var out []string
	for _, c := range snapshottest.Must(k.Engine().List(k.T.Context())) {
		if len(c.Name) > len(k.Name("")) && c.Name[:len(k.Name(""))] == k.Name("") {
			out = append(out, c.Name)
		}
	}
	return out
}

func TestRolloutUnderGrowingNumbersIsOneDeploy(t *testing.T) {
	k := setup(t)
	image := k.Server("shop")
	k.Watch()
	ids := []string{k.scaled(1, 1, image)}
	key := k.numbered(1)
	for round := 2; round <= 3; round++ {
		k.AwaitBaseline(key, ids[len(ids)-1])
		ids = append(ids, k.scaled(round, round, image))
		k.Docker("rm", "-f", k.Name(fmt.Sprint("web-", round-1)))
		d := k.AwaitDeploys(key, round-1)[0]
		want := []string{fmt.Sprintf("env ROUND: %d → %d", round-1, round)}
		if diff := cmp.Diff(want, lines(d.Changes)); diff != "" || d.BeforeID != ids[round-2] || d.AfterID != ids[round-1] || d.Snapshot == "" {
			t.Errorf("deploy %+v (-want +got):\n%s", d, diff)
		}
	}
	if diff := cmp.Diff(map[string]string{k.Name("web-3"): "there"}, k.known()); diff != "" {
		t.Errorf("on record (-want +got):\n%s", diff)
	}
	k.restoresInto(key, "web-3", "ROUND=2", "3")
}

// restoresInto restores the newest state from before, and expects it under the name and number that run.
func (k *kit) restoresInto(key, name, env, number string) {
	k.T.Helper()
	c := k.Container(k.Name(name))
	if c.Key != key {
		k.T.Fatalf("%s stands for %s, want %s", c.Name, c.Key, key)
	}
	r := k.Restore(c, k.Of(key, snapshot.PreDeploy)[0].Name)
	if r.State != restore.Verified || len(r.Unexpected()) > 0 {
		k.T.Fatalf("restoring: %s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	k.Until("the restored one has the place", func() bool {
		occupant, err := k.DB.Occupant(k.T.Context(), key)
		return err == nil && occupant.ID == r.Plan.NewID
	})
	now := k.Container(k.Name(name))
	in := snapshottest.Must(k.Engine().Inspect(k.T.Context(), now.ID))
	if now.Key != key || in.Key != key || in.Labels["com.docker.compose.container-number"] != number {
		k.T.Errorf("it stands for %s and %s with number %s", now.Key, in.Key, in.Labels["com.docker.compose.container-number"])
	}
	if got := k.Docker("inspect", "-f", "{{range .Config.Env}}{{println .}}{{end}}", k.Name(name)); !containsLine(got, env) {
		k.T.Errorf("its environment is %s, want %s", got, env)
	}
}

func containsLine(text, line string) bool { return slices.Contains(strings.Split(text, "\n"), line) }

func TestSlowRolloutGivesUpThePlaceThatItGotMeanwhile(t *testing.T) {
	k := setup(t)
	image := k.Server("shop")
	k.Watch()
	first := k.scaled(1, 1, image)
	k.AwaitBaseline(k.numbered(1), first)
	second := k.scaled(2, 2, image)
	k.AwaitBaseline(k.numbered(2), second)
	k.Docker("rm", "-f", k.Name("web-1"))
	if d := k.AwaitDeploys(k.numbered(1), 1)[0]; d.AfterID != second || d.Snapshot == "" {
		t.Errorf("deploy %+v", d)
	}
	k.Until("its own place is gone", func() bool {
		return cmp.Equal(map[string]string{k.Name("web-2"): "there"}, k.known()) && len(k.Of(k.numbered(2), snapshot.Baseline)) == 0
	})
	k.AwaitBaseline(k.numbered(1), second)
}

// TestPlaceOfItsOwnGoesWhenItCameTogetherWithAnothers has both written down that a busy bot may write at one moment: the deploy into
// the old one's place, and the place that the new one would have had.
func TestPlaceOfItsOwnGoesWhenItCameTogetherWithAnothers(t *testing.T) {
	k := setup(t)
	image := k.Server("shop")
	stop := k.Watch()
	first := k.scaled(1, 1, image)
	k.AwaitBaseline(k.numbered(1), first)
	second := k.scaled(2, 2, image)
	k.AwaitBaseline(k.numbered(2), second)
	stop()
	k.Docker("rm", "-f", k.Name("web-1"))
	on := snapshottest.Must(k.DB.Occupant(t.Context(), k.numbered(2)))
	on.Key = k.numbered(1)
	snapshottest.Must(k.DB.AddDeployed(t.Context(), snapshot.Deployed{
		Deploy: snapshot.Deploy{Key: on.Key, At: time.Now(), BeforeID: first, AfterID: second}, Occupant: on,
		Entry: incidents.Entry{Kind: incidents.KindDeploy, OccurredAt: time.Now(), Actor: incidents.Self(), Summary: "deployed"},
	}))
	k.Watch()
	k.Until("its own place is gone", func() bool {
		return cmp.Equal(map[string]string{k.Name("web-2"): "there"}, k.known()) && len(k.Of(k.numbered(2), snapshot.Baseline)) == 0
	})
	k.AwaitBaseline(k.numbered(1), second)
	k.AwaitDeploys(k.numbered(1), 1)
}

func TestRenameIntoPlaceIsOneDeploy(t *testing.T) {
	k := setup(t)
	one, two, app := k.Server("shop:1"), k.Server("shop:2"), k.Name("app")
	k.Watch()
	first, key := k.settled(app, one)
	second := k.Run(app+"_new", two)
	k.AwaitBaseline(k.Key(app+"_new"), second)
	k.Docker("rm", "-f", app)
	k.Docker("rename", app+"_new", app)
	if d := k.AwaitDeploys(key, 1)[0]; d.BeforeID != first || d.AfterID != second || d.Snapshot == "" {
		t.Errorf("deploy %+v", d)
	}
	k.Until("its first name is forgotten", func() bool { return cmp.Equal(map[string]string{app: "there"}, k.known()) })
	if list := k.Deploys(k.Key(app + "_new")); len(list) != 0 {
		t.Errorf("told under its first name as well: %+v", list)
	}
}

// TestRenameIntoPlaceIsSeenAfterTheFact has the bot away for the second deploy by a tool that renames into place, and a busy one may see no
// more of it. It knows the first one by the name that it came with.
func TestRenameIntoPlaceIsSeenAfterTheFact(t *testing.T) {
	for what, temporary := range map[string]string{"the same first name each time": "_new", "another first name each time": "_2"} {
		t.Run(what, func(t *testing.T) {
			k := setup(t)
			one, two, app := k.Server("shop:1"), k.Server("shop:2"), k.Name("app")
			stop := k.Watch()
			first := k.Run(app+"_new", one)
			key := k.Key(app + "_new")
			k.AwaitBaseline(key, first)
			k.Docker("rename", app+"_new", app)
			k.Until("its new name is on record", func() bool { return cmp.Equal(map[string]string{app: "there"}, k.known()) })
			stop()
			second := k.Run(app+temporary, two)
			k.Docker("rm", "-f", app)
			k.Docker("rename", app+temporary, app)
			k.Watch()
			if d := k.AwaitDeploys(key, 1)[0]; d.BeforeID != first || d.AfterID != second || d.Snapshot == "" {
				t.Errorf("deploy %+v", d)
			}
			if diff := cmp.Diff(map[string]string{app: "there"}, k.known()); diff != "" {
				t.Errorf("known (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRenameIntoPlaceIsOneDeployWhateverItIsCalledFirst has the bot see each under a name of its own before it is renamed.
func TestRenameIntoPlaceIsOneDeployWhateverItIsCalledFirst(t *testing.T) {
	k := setup(t)
	image, app := k.Server("shop"), k.Name("app")
	k.Watch()
	before := k.Run(app+"_1", "-e", "V=1", image)
	key := k.Key(app + "_1")
	k.AwaitBaseline(key, before)
	k.Docker("rename", app+"_1", app)
	for n := 2; n <= 3; n++ {
		first := fmt.Sprint(app, "_", n)
		next := k.Run(first, "-e", fmt.Sprint("V=", n), image)
		k.AwaitBaseline(k.Key(first), next)
		k.Docker("rm", "-f", app)
		k.Docker("rename", first, app)
		if d := k.AwaitDeploys(key, n-1)[0]; d.BeforeID != before || d.AfterID != next || d.Snapshot == "" {
			t.Errorf("deploy %+v", d)
		}
		k.Until("its first name is forgotten", func() bool { return cmp.Equal(map[string]string{app: "there"}, k.known()) })
		before = next
	}
}

func TestRenamedContainerStaysWhatItWas(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch()
	_, key := k.settled(api, image)
	k.Docker("rename", api, api+"2")
	k.Until("its new name is on record", func() bool { return cmp.Equal(map[string]string{api + "2": "there"}, k.known()) })
	if c := k.Container(api + "2"); c.Key != key {
		t.Errorf("it stands for %s, want %s", c.Key, key)
	}
}

func TestGenerationsThatAreKeptStoppedAreOneContainer(t *testing.T) {
	k := setup(t)
	image := k.Server("shop")
	service := k.Name("shop")
	key := snapshottest.Must(k.Engine().ID(t.Context())) + "/kamal/" + service + "/web"
	run := func(version string) string {
		return k.Run(service+"-web-"+version, "--label", "service="+service, "--label", "role=web", "--label", "destination=", "-e", "V="+version, image)
	}
	k.Watch()
	ids := []string{run("v1")}
	for n := 2; n <= 3; n++ {
		k.AwaitBaseline(key, ids[len(ids)-1])
		ids = append(ids, run(fmt.Sprint("v", n)))
		k.Docker("stop", "-t", "1", fmt.Sprint(service, "-web-v", n-1))
		if d := k.AwaitDeploys(key, n-1)[0]; d.AfterID != ids[n-1] || d.Snapshot == "" {
			t.Errorf("deploy %+v", d)
		}
	}
	if diff := cmp.Diff([]string{service + "-web-v3"}, k.shown()); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	r := k.Restore(k.Container(service+"-web-v3"), k.Of(key, snapshot.PreDeploy)[0].Name)
	if r.State != restore.Verified || r.Container != service+"-web-v3" || len(r.Unexpected()) > 0 {
		t.Fatalf("restoring: %s as %s: %s %+v", r.State, r.Container, r.Error, r.Unexpected())
	}
	if diff := cmp.Diff([]string{service + "-web-v3"}, k.shown()); diff != "" {
		t.Errorf("shown after the restore (-want +got):\n%s", diff)
	}
}
