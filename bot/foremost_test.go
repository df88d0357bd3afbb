package bot_test

import (
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// theWeb is another container of the night's service.
func theWeb() snapshot.Container {
	web := theContainer()
	web.Key, web.ID, web.Name, web.Service = "k/web", strings.Repeat("2", 64), "web", "web"
	return web
}

// inVain is a restore after the night's, which has changed nothing.
func inVain(of snapshot.Container, state restore.State) restore.Restore {
	r := restored()
	r.ID, r.Key, r.Container, r.Snapshot, r.State = 32, of.Key, of.Name, "pre-deploy-2250", state
	r.VerifiedAt, r.KeptUntil, r.Error = at("03:50"), at("03:50"), "port 80/tcp is taken by mail"
	return r
}

// TestARestoreThatIsInPlaceIsTold: whatever comes to nothing after it.
func TestARestoreThatIsInPlaceIsTold(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]restore.Restore{
		"another one is refused":                    inVain(theContainer(), restore.Refused),
		"another one is reverted":                   inVain(theContainer(), restore.Reverted),
		"that of another container is refused":      inVain(theWeb(), restore.Refused),
		"that of another container is reverted":     inVain(theWeb(), restore.Reverted),
		"that of another container ends in failure": inVain(theWeb(), restore.Failed),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			n.do(func() { n.errors, n.containers = theSpike(), append(n.containers, theWeb()) })
			n.alert(t)
			n.tell(t)
			n.do(func() { n.restores = append(n.restores, later) })
			n.write(t, incidents.Entry{IncidentID: 7, Kind: incidents.KindRestoreRefused, Summary: "It came to nothing", OccurredAt: at("03:50")})
			n.deliver(t, 7)
			m := n.shop.ExpectMessage(t, "Checkout error rate")
			for _, want := range []string{"✅ *api is back on pre-deploy-2255*", "✅ " + flatSince, "port 80/tcp is taken by mail"} {
				if !m.Contains(want) {
					t.Errorf("without %q it reads:\n%s", want, m)
				}
			}
			if m.Contains("Errors: 21") || !m.Button("Undo").Exists() || m.Button("Restore pre-deploy-2255 (api)").Exists() {
				t.Errorf("it reads:\n%s", m)
			}
		})
	}
}

// TestARestoreThatFailsAfterwardsIsWhatIsTold: the one before it of the same container is not in place any more, as far as is known.
func TestARestoreThatFailsAfterwardsIsWhatIsTold(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.restores = []restore.Restore{restored(), inVain(theContainer(), restore.Failed)} })
	if m := n.alert(t); !m.Contains("🆘 *api needs you.*") || m.Contains("is back on") || !m.Button("Restore pre-deploy-2255").Exists() {
		t.Errorf("it reads:\n%s", m)
	}
}

// TestARestoreInVainIsToldWhileNothingIsInPlace: and what is restored after it takes its place.
func TestARestoreInVainIsToldWhileNothingIsInPlace(t *testing.T) {
	t.Parallel()
	n := setup(t)
	vain, good := inVain(theContainer(), restore.Refused), restored()
	good.ID = 33
	n.do(func() { n.restores = []restore.Restore{vain} })
	if m := n.alert(t); !m.Contains("port 80/tcp is taken by mail") || !m.Button("Restore pre-deploy-2255").Exists() {
		t.Errorf("it reads:\n%s", m)
	}
	n.do(func() { n.restores = append(n.restores, good) })
	n.write(t, verified())
	n.deliver(t, 7)
	if m := n.shop.ExpectMessage(t, "Checkout error rate"); m.Contains("port 80/tcp") || !m.Contains("✅ *api is back on pre-deploy-2255*") {
		t.Errorf("it reads:\n%s", m)
	}
}

// TestHoldsOfAllContainersAreShown: each with its Release, and whether its deploy is back.
func TestHoldsOfAllContainersAreShown(t *testing.T) {
	t.Parallel()
	n := setup(t)
	second := restored()
	second.ID, second.Key, second.Container = 32, "k/web", "web"
	hold := func(id int64, of snapshot.Container, ref string) snapshot.Hold {
		return snapshot.Hold{
			ID: id, Key: of.Key, Container: of.Name, Restore: 30 + id, Incident: 7, Snapshot: "pre-deploy-2255", Since: at("03:46"), Ref: ref,
			Image: snapshot.Image{ID: "sha256:42"}, Changes: []snapshot.Change{{Attribute: "image", Before: ref, After: "shop:1.41"}, {Attribute: "image ID"}},
		}
	}
	n.do(func() {
		n.containers = append(n.containers, theWeb())
		n.restores = []restore.Restore{restored(), second}
		n.holds = []snapshot.Hold{hold(2, theWeb(), "web:8"), hold(1, theContainer(), "shop:1.42")}
	})
	m := n.alert(t)
	for _, want := range []string{"✅ *web is back on pre-deploy-2255*", "✅ *api is back on pre-deploy-2255*", "✋ On hold: web 8", "✋ On hold: api 1.42"} {
		if !m.Contains(want) {
			t.Errorf("without %q it reads:\n%s", want, m)
		}
	}
	if got := strings.Count(m.String(), "[Release]"); got != 2 {
		t.Errorf("there are %d buttons Release:\n%s", got, m)
	}
	n.do(func() { n.holds[1].BackID, n.holds[1].BackAt = apiID, at("03:58") })
	n.deliver(t, 7)
	m = n.shop.ExpectMessage(t, "Checkout error rate")
	for _, want := range []string{"✅ *web is back on pre-deploy-2255*", "✋ On hold: web 8", "⛔ *api 1.42 is back since 03:58"} {
		if !m.Contains(want) {
			t.Errorf("without %q it reads:\n%s", want, m)
		}
	}
	if m.Contains("✅ *api is back") || !m.Button("Restore pre-deploy-2255 (api)").Exists() {
		t.Errorf("it reads:\n%s", m)
	}
}

// TestAMessageSaysWhatRunsAfterALaterDeploy: what a restore had put back does not run any more, so it can't be undone, and the way out is
// offered once more.
func TestAMessageSaysWhatRunsAfterALaterDeploy(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.do(func() { n.errors = theSpike() })
	n.alert(t)
	n.tell(t)
	n.shop.ExpectMessage(t, "✅ *api is back on pre-deploy-2255*", "✅ "+flatSince)
	fix := snapshot.Deploy{ID: 2, Key: "k/api", At: at("03:55"), BeforeID: apiID, AfterID: strings.Repeat("f", 64), Before: "shop:1.41", After: "shop:1.43"}
	n.do(func() {
		n.deploys = append([]snapshot.Deploy{fix}, n.deploys...)
		n.containers[0].ID, n.containers[0].Image = fix.AfterID, fix.After
	})
	n.deliver(t, 7)
	m := n.shop.ExpectMessage(t, "*api was put back on pre-deploy-2255*", "Since the deploy at 03:55 it runs shop:1.43", "✅ "+flatSince)
	if m.Contains("is back") || m.Button("Undo").Exists() || !m.Button("Restore pre-deploy-2255").Exists() {
		t.Errorf("it reads:\n%s", m)
	}
	n.do(func() {
		in := n.incidents[7]
		in.Status, in.ResolvedAt = incidents.Resolved, at("04:10")
		n.incidents[7] = in
	})
	n.deliver(t, 7)
	if m := n.shop.ExpectMessage(t, "*api was put back on pre-deploy-2255*"); m.Contains("is back") { // nobody looks any more what runs
		t.Errorf("resolved, it reads:\n%s", m)
	}
}

// TestAMessageTellsOfALaterRestoreOfAnotherIncident: that runs, and nobody has judged the errors since then in this one.
func TestAMessageTellsOfALaterRestoreOfAnotherIncident(t *testing.T) {
	t.Parallel()
	n := setup(t)
	later := restored()
	later.ID, later.Snapshot, later.By.Incident, later.RequestedAt, later.VerifiedAt = 32, "older", 8, at("04:00"), at("04:01")
	n.do(func() {
		in := n.incidents[7]
		in.FlatAt = at("03:49")
		n.incidents[7] = in
		n.restores = []restore.Restore{restored(), later}
	})
	n.write(t, saying(incidents.KindErrorsFlat, flatSince, ""))
	if m := n.alert(t); !m.Contains("✅ *api is back on older*") || m.Contains("api is back on pre-deploy-2255") || m.Contains("lat since") {
		t.Errorf("it reads:\n%s", m)
	}
}
