package access_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// TestARefusalIsOneEntryWithinTheHourAndSilenceIsNone: what it says is true, and who taps again and again does not fill the timeline.
func TestARefusalIsOneEntryWithinTheHourAndSilenceIsNone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 3, 42, 0, 0, time.UTC)
	ann := incidents.Actor{Kind: incidents.Person, SlackID: "U0ANN", Name: "Ann Lee"}
	entry := func(later time.Duration, tap, what string, why error) incidents.Entry {
		e, err := access.Refused(7, at.Add(later), ann, incidents.Source{System: "console", NativeID: tap}, what, why)
		if err != nil || e.Kind != incidents.KindRefused || e.IncidentID != 7 {
			t.Fatalf("%v: %+v", err, e)
		}
		return e
	}
	no, unsure := &access.Denial{Why: access.OffCall}, &access.Denial{Unsure: errors.New("slack is away")}
	first := entry(0, "1", "restore api", no)
	if first.Summary != "Ann Lee was not allowed to restore api" {
		t.Errorf("it says %q", first.Summary)
	}
	silent := entry(0, "1", "restore api", unsure)
	if strings.Contains(silent.Summary, "not allowed") || !strings.Contains(silent.Summary, "could not be found out whether Ann Lee may restore api") {
		t.Errorf("while Slack is silent it says %q", silent.Summary)
	}
	if again := entry(time.Minute, "2", "restore api", no); again.Source != first.Source {
		t.Errorf("the second tap is another: %+v", again.Source)
	}
	for name, other := range map[string]incidents.Entry{"silence": silent, "an hour later": entry(time.Hour, "1", "restore api", no), "something else": entry(0, "1", "restore pay", no)} {
		if other.Source == first.Source {
			t.Errorf("%s is taken for the same", name)
		}
	}
}
