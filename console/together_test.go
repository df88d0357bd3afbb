package console_test

import (
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
)

// deployed writes down that a container of the project shop was deployed.
func (h *house) deployed(name string, at time.Time) {
	h.t.Helper()
	c := snapshot.Container{ID: "deployed " + name, Key: "e/" + name, Name: name, Engine: "e", Project: "shop", CreatedAt: at}
	_, err := h.db.AddDeployed(h.t.Context(), snapshot.Deployed{
		Deploy:   snapshot.Deploy{Key: c.Key, At: at, AfterID: c.ID},
		Occupant: snapshot.Occupant{Container: c, Labels: map[string]string{}, Document: []byte("{}")},
		Entry:    incidents.Entry{Kind: incidents.KindDeploy, OccurredAt: at, Actor: incidents.Self(), Summary: name + " was deployed"},
	})
	testkit.OK(h.t, err)
}

// TestChangesNameWhatWasDeployedTogetherToWhoMaySeeIt: pay is not Ann's.
func TestChangesNameWhatWasDeployedTogetherToWhoMaySeeIt(t *testing.T) {
	h := newHouse(t)
	h.do(func() {
		h.containers = append(h.containers, snapshot.Container{Key: "e/mail", Name: "mail", Settings: labelled("C0SHOP", "PMAIL")})
	})
	for _, name := range []string{"shop", "pay", "mail"} {
		h.deployed(name, h.clock())
	}
	ann := h.visitor()
	ann.register(h.link("U0ANN"))
	if _, _, page := ann.ask("GET", "/console/container?key=e%2Fshop", nil); !strings.Contains(page, `"together":"mail"`) || strings.Contains(page, "pay") {
		t.Errorf("Ann sees %s", page)
	}
}
