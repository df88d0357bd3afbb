package incidents_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/snapback/snapback/incidents"
)

func TestEntriesThatATimelineIsOwedAreToldInTheirOrderAndOnce(t *testing.T) {
	t.Parallel()
	var owed incidents.Owed
	for _, summary := range []string{"one", "two", "three"} {
		if kept := owed.Keep(incidents.Entry{Summary: summary}, 2); kept != (summary != "three") {
			t.Errorf("%s is kept: %t", summary, kept)
		}
	}
	away := errors.New("the database is away")
	var told []string
	record := func(_ context.Context, e incidents.Entry) (incidents.Entry, error) {
		if e.Summary == "two" && len(told) == 1 {
			told = append(told, "in vain")
			return e, away
		}
		told = append(told, e.Summary)
		return e, nil
	}
	if err := owed.Tell(t.Context(), record); !errors.Is(err, away) {
		t.Errorf("telling while the database is away: %v", err)
	}
	if !owed.Keep(incidents.Entry{Summary: "four"}, 2) {
		t.Error("there is no room for another, though one has been told")
	}
	if err := owed.Tell(t.Context(), record); err != nil {
		t.Error(err)
	}
	if want := []string{"one", "in vain", "two", "four"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if err := owed.Tell(t.Context(), record); err != nil || len(told) != 4 {
		t.Errorf("told again: %v, %v", told, err)
	}
}
