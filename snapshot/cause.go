package snapshot

import (
	"fmt"
	"time"

	"github.com/snapback/snapback/incidents"
)

// suspicion is how long before an alert a deploy may have been to explain it.
const suspicion = 7 * 24 * time.Hour

// CauseEntry returns the entry that puts a deploy onto the timeline of an incident that came after it, which the post-mortem
// begins with. together are the names of what was deployed in the same deploy. ok is false for a deploy that came later, or long before. Deploys that come later are written by the watch.
func (d Deploy) CauseEntry(in incidents.Incident, container string, together []string) (e incidents.Entry, ok bool, err error) {
	before := in.OpenedAt.Sub(d.Came())
	if before < 0 || before > suspicion {
		return e, false, nil
	}
	details, err := incidents.Details(struct {
		Container string `json:"container"`
		Key       string `json:"key"`
		Deploy
		Together []string `json:"together_with,omitempty"`
	}{container, d.Key, d, together})
	what := "nothing changed"
	if len(d.Changes) > 0 {
		what = OneLine(d.Changes, 3)
	}
	if len(together) > 0 {
		what += "; together with " + Names(together)
	}
	return incidents.Entry{
		IncidentID: in.ID, OccurredAt: d.Came(), Kind: incidents.KindDeploy,
		Actor: incidents.Actor{Kind: incidents.Engine, Name: "docker"}, Source: incidents.Source{System: "engine", NativeID: d.AfterID},
		Summary: fmt.Sprintf("The last deploy before the alert, %s before it: %s, %s",
			before.Round(time.Second), container, what),
		Details: details,
	}, err == nil, err
}
