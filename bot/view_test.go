package bot_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/snapshot"
)

func TestDeployNearestBeforeTheAlertComesFirstWhateverWasDeployedSince(t *testing.T) {
	t.Parallel()
	n := setup(t)
	web := theContainer()
	web.Key, web.ID, web.Name, web.Service = "k/web", strings.Repeat("2", 64), "web", "web"
	ahead := theDeploy() // its engine's clock is
	ahead.At, ahead.Noted = at("23:15"), ahead.At
	n.do(func() {
		n.containers = append(n.containers, web)
		n.deploys = []snapshot.Deploy{
			{ID: 3, Key: "k/api", At: at("03:50"), Before: "shop:1.42", After: "shop:1.43", Snapshot: "pre-deploy-0350"},
			ahead,
			{ID: 2, Key: "k/web", At: at("23:05"), Before: "web:7", After: "web:8"},
		}
		n.snapshots["k/api"] = append(n.snapshots["k/api"], snapshot.Snapshot{
			ID: 3, Key: "k/api", Container: "api", Name: "pre-deploy-0350", Reason: snapshot.PreDeploy, CreatedAt: at("03:50"),
		})
	})
	m := n.alert(t)
	text := m.String()
	first, second := strings.Index(text, "*web* · Last deploy 23:05 (4 h 37 min before): image 7 → 8"), strings.Index(text, "*api* · Last deploy 22:55 (4 h 47 min before)")
	if first < 0 || second < first || !strings.Contains(text, "Deployed since, 03:50 (8 min after the alert): image 1.42 → 1.43") {
		t.Errorf("it reads:\n%s", text)
	}
	if !m.Button("Restore pre-deploy-2255 (api)").Exists() || m.Button("Restore pre-deploy-0350 (api)").Exists() {
		t.Errorf("the broken state is offered:\n%s", text)
	}
}

// TestDeployBeforeTheAlertIsItsCauseWhateverTheClockOfItsEngineShows: it is told once, first, and on the timeline.
func TestDeployBeforeTheAlertIsItsCauseWhateverTheClockOfItsEngineShows(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]snapshot.Deploy{
		"ahead":                                  {At: at("03:50"), Noted: at("03:30")},
		"right, or behind, and the bot was away": {At: at("03:30"), Noted: at("03:50")},
		"right, of a release before":             {At: at("03:30")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			web := theContainer()
			web.Key, web.ID, web.Name, web.Service = "k/web", strings.Repeat("2", 64), "web", "web"
			d.ID, d.Key, d.Before, d.After = 2, "k/web", "web:7", "web:8"
			n.do(func() {
				n.containers = append(n.containers, web)
				n.deploys = append([]snapshot.Deploy{d}, n.deploys...)
			})
			text := n.alert(t).String()
			first, second := strings.Index(text, "*web* · Last deploy 03:30 (12 min before): image 7 → 8"), strings.Index(text, "*api*")
			if first < 0 || second < first || strings.Contains(text, "Deployed since") {
				t.Errorf("it reads:\n%s", text)
			}
			if e, ok, err := d.CauseEntry(theIncident(), "web", nil); err != nil || !ok || !e.OccurredAt.Equal(at("03:30")) || !strings.Contains(string(e.Details), `"key":"`+d.Key+`"`) {
				t.Errorf("on the timeline it is %+v, %t, %v", e, ok, err)
			}
		})
	}
}

func TestStateSinceTheAlertIsOfferedAfterWhatIsOlder(t *testing.T) {
	t.Parallel()
	hotfix := snapshot.Deploy{ID: 3, Key: "k/api", At: at("03:50"), Before: "shop:1.42", After: "shop:1.43", Snapshot: "pre-deploy-0350"}
	kept := func(name, when string) snapshot.Snapshot {
		return snapshot.Snapshot{Key: "k/api", Container: "api", Name: name, Reason: snapshot.PreDeploy, CreatedAt: at(when)}
	}
	for name, c := range map[string]struct {
		change func(*night)
		want   string
	}{
		"the right one was pruned": {func(n *night) { n.whyNot["pre-deploy-2255"] = []string{"its image is gone"} }, "pre-deploy-1800"},
		"a pipeline has kept the broken state": {func(n *night) {
			n.deploys[1].AfterID = apiID
			broken := kept("by-pipeline", "03:40")
			broken.ContainerID = apiID
			n.snapshots["k/api"] = append(n.snapshots["k/api"], broken)
			n.whyNot["pre-deploy-2255"] = []string{"its image is gone"}
		}, "pre-deploy-1800"},
		"it was deployed only since": {func(n *night) { n.deploys = n.deploys[:1] }, "pre-deploy-2255"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			n.do(func() {
				n.deploys = append([]snapshot.Deploy{hotfix}, n.deploys...)
				n.snapshots["k/api"] = append(n.snapshots["k/api"], kept("pre-deploy-0350", "03:50"), kept("pre-deploy-1800", "18:00"))
				c.change(n)
			})
			if m := n.alert(t); m.Controls()[0].Label != "Restore "+c.want {
				t.Errorf("want %s; it reads:\n%s", c.want, m)
			}
		})
	}
}

func TestSuspectsAreThoseDeployedBeforeTheAlert(t *testing.T) {
	t.Parallel()
	n := setup(t)
	web := theContainer()
	web.Key, web.ID, web.Name = "k/web", strings.Repeat("2", 64), "web"
	in := theIncident()
	in.ServiceID = "PELSE"
	n.do(func() {
		n.incidents[7] = in
		n.containers = append(n.containers, web)
		n.deploys = append([]snapshot.Deploy{{ID: 2, Key: "k/web", At: at("03:50"), Before: "web:7", After: "web:8"}}, n.deploys...)
	})
	n.deliver(t, 7)
	text := n.ops.ExpectMessage(t, "Deployed last:").String()
	if api, web := strings.Index(text, "*api*"), strings.Index(text, "*web*"); api < 0 || web < api {
		t.Errorf("it reads:\n%s", text)
	}
}

func TestPrunedSnapshotsLeaveRoomForOneThatIsThere(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() {
		for i, name := range []string{"pre-deploy-2100", "pre-deploy-2200", "pre-deploy-2255"} {
			n.whyNot[name] = []string{"its image is gone"}
			n.snapshots["k/api"] = slices.DeleteFunc(n.snapshots["k/api"], func(s snapshot.Snapshot) bool { return s.Name == name })
			n.snapshots["k/api"] = append(n.snapshots["k/api"], snapshot.Snapshot{
				ID: int64(10 + i), Key: "k/api", Container: "api", Name: name, Reason: snapshot.PreDeploy, CreatedAt: at("22:55"), MissingSince: at("23:00"),
			})
		}
	})
	if m := n.alert(t); !m.Overflow("Restore scheduled-0000 …").Exists() {
		t.Errorf("it reads:\n%s", m)
	}
}
