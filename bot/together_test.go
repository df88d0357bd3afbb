package bot_test

import (
	"strings"
	"testing"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// deployedTogether has web deployed together with api, though it names another PagerDuty service, and its state from before kept.
func deployedTogether(t *testing.T) *night {
	t.Helper()
	n := setup(t)
	web := theContainer()
	web.Key, web.ID, web.Name, web.Service, web.Settings.PagerDutyServices = "k/web", strings.Repeat("2", 64), "web", "web", []string{"PWEB"}
	d := snapshot.Deploy{ID: 2, Key: web.Key, At: at("22:55"), AfterID: web.ID, Before: "web:7", After: "web:8", Snapshot: "pre-deploy-2255",
		Changes: []snapshot.Change{{Attribute: "image", Before: "web:7", After: "web:8"}}}
	n.do(func() {
		n.containers = append(n.containers, web)
		n.deploys = append(n.deploys, d)
		n.together = map[int64][]snapshot.Deploy{1: {d, {ID: 3, Key: "k/forgotten"}}}
		n.snapshots[web.Key] = []snapshot.Snapshot{{ID: 9, Key: web.Key, Container: "web", Name: "pre-deploy-2255", Reason: snapshot.PreDeploy, CreatedAt: at("22:55")}}
	})
	return n
}

func TestAlertNamesWhatTheSameDeployChanged(t *testing.T) {
	t.Parallel()
	n := deployedTogether(t)
	if text := n.alert(t).String(); !strings.Contains(text, "Last deploy 22:55 (4 h 47 min before) together with web: image 1.41 → 1.42") {
		t.Errorf("it reads:\n%s", text)
	}
	var told []string
	for _, e := range n.entries[7] {
		if e.Kind == incidents.KindDeploy {
			told = append(told, e.Summary)
			if !strings.Contains(string(e.Details), `"together_with":["web"]`) {
				t.Errorf("its details are %s", e.Details)
			}
		}
	}
	if len(told) != 1 || !strings.HasSuffix(told[0], "; together with web") {
		t.Errorf("on the timeline: %q", told)
	}
}

func TestDetailsOfferWhatWasDeployedTogetherByItsOwnPermissions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		allow    access.Rule
		restores int
	}{"for the channel": {access.Channel, 1}, "for who is on call": {access.OnCall, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := deployedTogether(t)
			n.do(func() { n.containers[1].Settings.RestoreAllow = access.Allow{Rule: c.allow} })
			n.tap(t, n.ann, n.alert(t).Overflow("Details"))
			e := n.ann.ExpectEphemeral(t, n.shop, "*web* was deployed together with api", "image: web:7 → web:8")
			n.tap(t, n.ann, e.Button("Restore web"))
			asked := n.asked()
			if len(asked) != c.restores || c.restores > 0 && (asked[0].Container.Key != "k/web" || asked[0].Snapshot != "pre-deploy-2255") {
				t.Errorf("asked %+v", asked)
			}
		})
	}
}

// TestDetailsOfferNoWayBackTwice: nothing is offered for what runs no longer, or has nothing from before.
func TestDetailsOfferNoWayBackTwice(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(n *night){
		"What that deploy had brought runs no longer": func(n *night) { n.containers[1].ID = "another one" },
		"Nothing from before that deploy is kept":     func(n *night) { n.together[1][0].Snapshot = "" },
		"is kept any more":                            func(n *night) { delete(n.snapshots, "k/web") },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			n := deployedTogether(t)
			n.do(func() { change(n) })
			n.tap(t, n.ann, n.alert(t).Overflow("Details"))
			if e := n.ann.ExpectEphemeral(t, n.shop, "*web* was deployed together with api", want); e.Button("Restore web").Exists() {
				t.Errorf("it is offered:\n%s", e)
			}
		})
	}
}

// TestDetailsOfferWhatAnotherBotHasToRestore: it takes the tap.
func TestDetailsOfferWhatAnotherBotHasToRestore(t *testing.T) {
	t.Parallel()
	n := deployedTogether(t)
	n.do(func() { n.containers[1].Elsewhere = true })
	n.tap(t, n.ann, n.alert(t).Overflow("Details"))
	if e := n.ann.ExpectEphemeral(t, n.shop, "*web* was deployed together with api"); !e.Button("Restore web").Exists() {
		t.Errorf("it is not offered:\n%s", e)
	}
}
