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
