package bot

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// TestSilenceIsWrittenAsSilence: what a person is told of Slack's or PagerDuty's silence does not become a refusal on the timeline.
func TestSilenceIsWrittenAsSilence(t *testing.T) {
	maria := incidents.Actor{Kind: incidents.Person, SlackID: "U1", Name: "Maria"}
	for unsure, want := range map[error]string{
		errors.New("no answer"): "It could not be found out whether Maria may restore api, so nothing was done",
		nil:                     "Maria was not allowed to restore api",
	} {
		err := inWords(&access.Denial{Why: access.OffCall, Unsure: unsure}, "restore api")
		e, recErr := access.Refused(1, time.Now(), maria, incidents.Source{System: "slack"}, "restore api", err)
		if recErr != nil || !strings.HasPrefix(e.Summary, want) {
			t.Errorf("the timeline says %q, want %q (%v)", e.Summary, want, recErr)
		}
	}
}
