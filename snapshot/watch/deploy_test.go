package watch_test

import (
	"encoding/json"
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
	"github.com/snapback/snapback/snapshot/watch"
)

func lines(changes []snapshot.Change) []string {
	var out []string
	for _, c := range changes {
		if !c.ImageDetail() {
			out = append(out, c.String())
		}
	}
	return out
}

func TestReplacedContainerIsADeployAndTheStateFromBeforeIsKept(t *testing.T) {
	k := setup(t)
	one, two, api := k.Server("shop:1.41"), k.Server("shop:1.42"), k.Name("api")
	k.Watch()
	first, key := k.settled(api, "-e", "DB_POOL=20", "-e", "API_KEY=a1b2c3", one)
	base := k.Of(key, snapshot.Baseline)[0]
	began := time.Now()
	second := k.replace(api, "-e", "DB_POOL=2", "-e", "API_KEY=d4e5f6", two)
	replaced := time.Now()
	d := k.AwaitDeploys(key, 1)[0]

	kept := k.Of(key, snapshot.PreDeploy)
	if len(kept) != 1 || kept[0].Name != "pre-deploy-"+d.At.Format("1504") || kept[0].ImageID != base.ImageID || kept[0].ContainerID != first {
		t.Fatalf("kept %+v, want one named after the deploy at %s, with the baseline's image", kept, d.At)
	}
	if d.Snapshot != kept[0].Name || d.BeforeID != first || d.AfterID != second || d.Before != one || d.After != two {
		t.Errorf("deploy %+v", d)
	}
	if d.At.Before(began) || d.At.After(replaced) {
		t.Errorf("it began at %s, want between %s and %s, when the old one was removed", d.At, began, replaced)
	}
	want := []string{"image: " + one + " → " + two, "env API_KEY: changed", "env DB_POOL: 20 → 2"}
	if diff := cmp.Diff(want, lines(d.Changes)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(d.Changes, kept[0].Changes); diff != "" {
		t.Errorf("the snapshot says otherwise (-deploy +snapshot):\n%s", diff)
	}
	k.checkEntry(k.entries(0, incidents.KindDeploy), d)
	if r := k.Restore(k.Container(api), kept[0].Name); r.State != restore.Verified {
		t.Errorf("restoring what was kept: %s: %s", r.State, r.Error)
	}
}

func (k *kit) checkEntry(list []incidents.Entry, d snapshot.Deploy) {
	k.T.Helper()
	if len(list) != 1 {
		k.T.Fatalf("%d entries, want one: %+v", len(list), list)
	}
	var told struct {
		Key string `json:"key"`
		snapshot.Deploy
	}
	if err := json.Unmarshal(list[0].Details, &told); err != nil {
		k.T.Fatal(err)
	}
	if told.Key != d.Key || told.Before != d.Before || told.After != d.After || told.Snapshot != d.Snapshot || !cmp.Equal(told.Changes, d.Changes) || told.Changes == nil {
		k.T.Errorf("the entry says %+v, want %+v", told, d)
	}
	if strings.Contains(string(list[0].Details), "d4e5f6") || !strings.Contains(list[0].Summary, "DB_POOL") && len(d.Changes) > 0 {
		k.T.Errorf("the entry: %s %s", list[0].Summary, list[0].Details)
	}
}

func TestRestartsAndStopsAreNoDeploys(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch()
	first, key := k.settled(api, image)
	k.Docker("restart", "-t", "1", api)
	k.Docker("stop", "-t", "1", api)
	k.Docker("start", api)
	k.Docker("pause", api)
	k.Docker("unpause", api)
	k.replace(api, image)
	if d := k.AwaitDeploys(key, 1)[0]; d.BeforeID != first || len(d.Changes) != 0 {
		t.Errorf("deploy %+v", d)
	}
	if n := len(k.Of(key, snapshot.Baseline)); n != 1 {
		t.Errorf("%d baselines, want one", n)
	}
}

func TestRenameDanceIsADeploy(t *testing.T) {
	k := setup(t)
	one, two, api := k.Server("shop:1"), k.Server("shop:2"), k.Name("api")
	k.Watch()
	first, key := k.settled(api, one)
	k.Docker("rename", api, api+"-old")
	second := k.Docker("create", "--name", api, "--label", "snapback.enable=true", two)
	k.Docker("stop", "-t", "1", api+"-old")
	k.Docker("start", api)
	k.Docker("rm", api+"-old")
	if d := k.AwaitDeploys(key, 1)[0]; d.BeforeID != first || d.AfterID != second || d.Snapshot == "" {
		t.Errorf("deploy %+v", d)
	}
	if list := k.Deploys(k.Key(api + "-old")); len(list) != 0 {
		t.Errorf("making room was taken for a deploy: %+v", list)
	}
}

func TestReplacementThatCannotStartIsADeploy(t *testing.T) {
	k := setup(t)
	one, api := k.Server("shop"), k.Name("api")
	k.Watch()
	first, key := k.settled(api, one)
	k.Docker("rm", "-f", api)
	if _, err := k.Try("run", "-d", "--name", api, "--label", "snapback.enable=true", one, "/no-such-program"); err == nil {
		t.Fatal("it started")
	}
	if d := k.AwaitDeploys(key, 1)[0]; d.BeforeID != first || d.Snapshot == "" {
		t.Errorf("deploy %+v", d)
	}
}

func TestReplacementWithoutTheLabelIsNoDeploy(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch()
	first, key := k.settled(api, image)
	k.Docker("rm", "-f", api)
	k.Docker("run", "-d", "--name", api, image)
	k.Until("the identity is gone", func() bool {
		return slices.ContainsFunc(snapshottest.Must(k.DB.KnownContainers(t.Context(), "")), func(c snapshot.Container) bool { return c.Key == key && c.State == "gone" })
	})
	third := k.replace(api, image)
	if d := k.AwaitDeploys(key, 1)[0]; d.BeforeID != first || d.AfterID != third {
		t.Errorf("deploy %+v, want from the last enabled one to the next", d)
	}
}

func TestOldContainerIsKeptAsItIsWhenThereWasNoBaseline(t *testing.T) {
	k := snapshottest.SetupVolumes(t).Kit
	one, two, api := k.Server("shop:1"), k.Server("shop:2"), k.Name("api")
	long := func(c *watch.Config) { c.BaselineAfter = 1500 * time.Millisecond }
	stop := k.Watch(long)
	first := k.Run(api, "--volume", k.Name("data")+":/data", "--label", "snapback.volumes=true", one)
	key := k.Key(api)
	k.Until("the container is known", func() bool { return len(snapshottest.Must(k.DB.KnownContainers(t.Context(), ""))) == 1 })
	stop()
	k.Docker("exec", api, "/app", "touch", "/written")
	up := time.Now()
	k.Until("it has been up long enough", func() bool { return time.Since(up) > 1600*time.Millisecond })
	k.Docker("stop", "-t", "1", api)
	k.Docker("rename", api, api+"-old")
	k.Run(api, two)
	k.Watch(long)
	d := k.AwaitDeploys(key, 1)[0]
	kept := k.Of(key, snapshot.PreDeploy)
	if len(kept) != 1 || kept[0].ContainerID != first || !kept[0].Committed || kept[0].Container != api || d.Snapshot != kept[0].Name {
		t.Errorf("kept %+v for %+v", kept, d)
	}
	if kept[0].Volumes != nil {
		t.Errorf("with %+v, which its successor may have written to", kept[0].Volumes)
	}
}

func TestExplicitPreDeploySnapshotTakesPrecedence(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch()
	_, key := k.settled(api, image)
	explicit, err := k.Taker.Take(t.Context(), k.Container(api), snapshot.TakeRequest{Name: "release-7", Reason: snapshot.PreDeploy, By: k.By()})
	if err != nil {
		t.Fatal(err)
	}
	k.replace(api, "-e", "NEW=1", image)
	d := k.AwaitDeploys(key, 1)[0]
	kept := k.Of(key, snapshot.PreDeploy)
	if d.Snapshot != explicit.Name || len(kept) != 1 {
		t.Fatalf("deploy %+v, kept %+v", d, kept)
	}
	if diff := cmp.Diff([]string{"env NEW: added 1"}, lines(kept[0].Changes)); diff != "" {
		t.Errorf("its changes (-want +got):\n%s", diff)
	}
}

func TestExplicitPreDeploySnapshotIsStillTheLastGoodStateAfterADeployThatCrashed(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch(slowlyGood)
	_, key := k.settled(api, image)
	k.Docker("exec", api, "/app", "touch", "/written") // so that it is another image than the baseline's
	explicit := k.Take(api)
	k.replace(api, "--restart", "always", image, "/app", "crash")
	k.AwaitDeploys(key, 1)
	k.replace(api, "-e", "FIXED=1", image)
	for _, d := range k.AwaitDeploys(key, 2) {
		if d.Snapshot != explicit.Name {
			t.Errorf("deploy of %s points at %q, want %q", d.AfterID, d.Snapshot, explicit.Name)
		}
	}
	if kept := k.Of(key, snapshot.PreDeploy); len(kept) != 1 || kept[0].ID != explicit.ID {
		t.Errorf("kept %+v, want the explicit one only", kept)
	}
}

func TestStateOfACrashingContainerIsNotTheLastGoodOne(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch(slowlyGood)
	_, key := k.settled(api, image)
	k.replace(api, "--restart", "always", image, "/app", "crash")
	first := k.AwaitDeploys(key, 1)[0]
	k.Until("it has crashed", func() bool { return snapshottest.Must(k.Engine().Inspect(t.Context(), api)).Restarts > 0 })
	crashing := k.Take(api) // as a pipeline does before every deploy
	k.replace(api, "-e", "FIXED=1", image)
	if d := k.AwaitDeploys(key, 2)[0]; d.Snapshot != first.Snapshot {
		t.Errorf("the second deploy points at %q, want the last good state, %q", d.Snapshot, first.Snapshot)
	}
	said := k.entries(0, incidents.KindSnapshotTaken)
	if !slices.ContainsFunc(said, func(e incidents.Entry) bool {
		return strings.HasSuffix(e.Summary, "snapshot "+crashing.Name+" of "+api+" although it was crashing: the engine had to restart it")
	}) {
		t.Errorf("nothing on the timeline says how it was when %s was taken", crashing.Name)
	}
}

func TestSnapshotKnowsWhetherItsContainerWasWell(t *testing.T) {
	k := setup(t)
	image := k.Image("shop", `CMD ["/app", "serve", "-addr="]`, `HEALTHCHECK --interval=300ms --retries=1 CMD ["/app", "check"]`)
	for what, test := range map[string]struct {
		args   []string
		before func(name string)
		want   string
	}{
		"well":      {nil, func(string) {}, ""},
		"stopped":   {nil, func(name string) { k.Docker("stop", name) }, ""},
		"killed":    {nil, func(name string) { k.Docker("kill", name) }, ""},
		"crashed":   {[]string{"/app", "exit", "1", "0s"}, func(name string) { k.Docker("wait", name) }, "it had ended with exit code 1"},
		"unhealthy": {nil, func(name string) { k.Docker("exec", name, "/app", "touch", "/unhealthy") }, "it was unhealthy"},
	} {
		name := k.Name(what)
		k.Run(name, append([]string{image}, test.args...)...)
		test.before(name)
		k.Until(what, func() bool { return what != "unhealthy" || k.Container(name).Health == "unhealthy" })
		if got := k.TakeNamed(name, "x").Unwell; got != test.want {
			t.Errorf("%s: %q, want %q", what, got, test.want)
		}
	}
}

func TestOwnRestoreIsNoDeployAndTheSameDeployAgainIsSaidSo(t *testing.T) {
	k := setup(t)
	one, two, api := k.Server("shop:1"), k.Server("shop:2"), k.Name("api")
	k.Watch()
	_, key := k.settled(api, "-e", "DB_POOL=20", one)
	k.replace(api, "-e", "DB_POOL=2", two)
	d := k.AwaitDeploys(key, 1)[0]
	r := k.Restore(k.Container(api), d.Snapshot)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	k.AwaitBaseline(key, r.Plan.NewID)
	k.replace(api, "-e", "DB_POOL=2", two)
	again := k.AwaitDeploys(key, 2)[0]
	if again.BeforeID != r.Plan.NewID {
		t.Errorf("deploy %+v, want one that follows the restored container", again)
	}
	list := k.entries(0, incidents.KindDeployBack)
	if len(list) != 1 || !strings.Contains(list[0].Summary, "DB_POOL: 20 → 2") || !strings.Contains(list[0].Summary, "that was rolled back") {
		t.Errorf("entries %+v", list)
	}
	if n := len(k.entries(0, incidents.KindDeploy)); n != 1 {
		t.Errorf("%d entries of plain deploys, want one", n)
	}
}

func TestStateBeforeADeployRightAfterARestoreIsWhatWasRestored(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	stop := k.Watch()
	_, key := k.settled(api, "-e", "DB_POOL=20", image)
	bad := k.replace(api, "-e", "DB_POOL=2", image)
	first := k.AwaitDeploys(key, 1)[0]
	k.AwaitBaseline(key, bad) // it has run for long enough to be taken for good
	stop()
	k.Watch(func(c *watch.Config) { c.BaselineAfter = time.Hour }) // what comes now is replaced before it has a baseline
	r := k.Restore(k.Container(api), first.Snapshot)
	k.replace(api, "-e", "DB_POOL=3", image)
	again := k.AwaitDeploys(key, 2)[0]
	if r.State != restore.Verified || again.BeforeID != r.Plan.NewID || again.Snapshot != first.Snapshot {
		t.Errorf("after the restore (%s) it is %+v, want the state from before to be %s", r.State, again, first.Snapshot)
	}
}

func TestRenamingIntoPlaceDatesNoLaterDeploy(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch(func(c *watch.Config) { c.Every = time.Second }) // a rename may be in the engine's list only after its event
	_, key := k.settled(api, image)
	second := k.Run(api+"-new", "-e", "V=2", image)
	k.Docker("rm", "-f", api)
	k.Docker("rename", api+"-new", api)
	k.Until("the second one stands for the identity", func() bool {
		list := k.Deploys(key)
		return len(list) == 1 && list[0].AfterID == second
	})
	k.AwaitBaseline(key, second)
	alert := time.Now()
	k.replace(api, "-e", "V=3", image)
	if d := k.AwaitDeploys(key, 2)[0]; d.At.Before(alert) {
		t.Errorf("it began at %s, before the alert at %s that it came after", d.At, alert)
	}
}

func TestDeployGoesToTheOpenIncidentsOfItsService(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	mine, other := k.incident("P1"), k.incident("P2")
	k.Watch()
	_, key := k.settled(api, "--label", "snapback.pagerduty.service=P1,P3", image)
	k.replace(api, "--label", "snapback.pagerduty.service=P1,P3", image)
	d := k.AwaitDeploys(key, 1)[0]
	k.checkEntry(k.entries(mine, incidents.KindDeploy), d)
	if n := len(k.entries(other, incidents.KindDeploy)) + len(k.entries(0, incidents.KindDeploy)); n != 0 {
		t.Errorf("%d entries elsewhere", n)
	}
}

func TestClashOfNamesGetsANumber(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch()
	last := k.Run(api, image)
	key := k.Key(api)
	for n := 1; n <= 3; n++ {
		k.AwaitBaseline(key, last)
		last = k.replace(api, "--env", fmt.Sprint("N=", n), image) // equal ones would become one
		k.AwaitDeploys(key, n)
	}
	taken := map[string]int{}
	for _, d := range slices.Backward(k.Deploys(key)) {
		want := "pre-deploy-" + d.At.Format("1504") // all three, unless the minute has changed in between
		if taken[want]++; taken[want] > 1 {
			want += fmt.Sprint("-", taken[want])
		}
		if d.Snapshot != want {
			t.Errorf("deploy at %s was kept as %q, want %q", d.At, d.Snapshot, want)
		}
	}
}

func TestRevertedRestoreIsNoDeploy(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Run(api, image, "/app", "crash")
	k.Take(api)
	good := k.replace(api, image)
	key := k.Key(api)
	k.Watch()
	k.AwaitBaseline(key, good)
	if r := k.Restore(k.Container(api), k.Of(key, snapshot.PreDeploy)[0].Name); r.State != restore.Reverted {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	next := k.replace(api, image)
	if d := k.AwaitDeploys(key, 1)[0]; d.BeforeID != good || d.AfterID != next {
		t.Errorf("deploy %+v, want from the one that was put back", d)
	}
}
