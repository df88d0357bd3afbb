package console_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
)

// TestAnIncidentsPageSaysThatThereIsMore has more entries than the page shows.
func TestAnIncidentsPageSaysThatThereIsMore(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	id := h.incident("PSHOP")
	for _, c := range []struct{ add, want int }{{0, 0}, {199, 0}, {7, 7}} {
		for i := range c.add {
			_, err := h.db.Record(t.Context(), incidents.Entry{IncidentID: id, Kind: incidents.KindTerminalShared, OccurredAt: h.clock(), Actor: incidents.Self(), Summary: fmt.Sprint("line ", i), Details: json.RawMessage("{}")})
			testkit.OK(t, err)
		}
		resp := v.send("GET", fmt.Sprintf("/console/live?incident=%d", id), nil)
		var got struct {
			View struct {
				Entries []struct{}
				Earlier int
			}
		}
		name, data, _ := eventsFrom(resp.Body)()
		testkit.OK(t, json.Unmarshal([]byte(data), &got))
		testkit.OK(t, resp.Body.Close())
		if name != "incident" || got.View.Earlier != c.want || len(got.View.Entries) == 0 {
			t.Errorf("%s shows %d entries, and says that %d came before", name, len(got.View.Entries), got.View.Earlier)
		}
	}
}
