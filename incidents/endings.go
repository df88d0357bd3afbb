package incidents

import (
	"slices"
	"time"
)

// endingKinds are those of the entries that Endings are made of.
var endingKinds = []Kind{
	KindTerminalEnded, KindPagerDutyTriggered, KindPagerDutyAcked, KindPagerDutyUnacked, KindPagerDutyResolved, KindPagerDutyReopened,
}

// EndingKinds are those of the entries of which Endings want all that a timeline has.
func EndingKinds() []Kind { return slices.Clone(endingKinds) }

// Endings are when what shells have recorded was over, as a timeline says it: of each recording, when the end of its session was
// written down, and of an incident, when it was opened or resolved last. Columns say so as well, but nobody signs those.
type Endings struct {
	sessions map[string]time.Time // by the recording's ID; UTC
	status   Entry                // the one that has left the incident as it is; the zero one: none has
	moved    time.Time            // when the last that resolves or reopens it was written down
}

// Add takes the entries of one timeline in the chain's order. Whether they are what was written is for the caller to know.
func (x *Endings) Add(e Entry) {
	switch {
	case e.Kind == KindTerminalEnded:
		x.addSession(e)
	case slices.Contains(endingKinds, e.Kind):
		x.addStatus(e)
	}
}

// addSession lets the last of several entries hold: a crash between the entry and what notes it makes a second one.
func (x *Endings) addSession(e Entry) {
	var details struct {
		Recordings []Sealed `json:"recordings"`
	}
	readDetails(e, &details)
	if x.sessions == nil {
		x.sessions = map[string]time.Time{}
	}
	for _, s := range details.Recordings {
		if e.RecordedAt.After(x.sessions[s.ID]) {
			x.sessions[s.ID] = e.RecordedAt
		}
	}
}

// addStatus goes by when things happened, since events come in any order. At one moment an incident is opened first, and resolved after
// it was acknowledged.
func (x *Endings) addStatus(e Entry) {
	if (e.Kind == KindPagerDutyResolved || e.Kind == KindPagerDutyReopened) && e.RecordedAt.After(x.moved) {
		x.moved = e.RecordedAt
	}
	before := e.Kind == KindPagerDutyTriggered || e.Kind == KindPagerDutyAcked && x.status.Kind == KindPagerDutyResolved
	if order := e.OccurredAt.Compare(x.status.OccurredAt); order > 0 || order == 0 && !before {
		x.status = e
	}
}

// Of is when a recording of that incident (0: of none) was over, in UTC. It is false while its session or the incident goes on, as far
// as the entries say.
func (x *Endings) Of(recording string, incident int64) (at time.Time, over bool) {
	at, over = x.sessions[recording]
	switch {
	case !over || incident == 0:
		return at, over
	case x.status.Kind != KindPagerDutyResolved:
		return time.Time{}, false
	case x.moved.After(at):
		at = x.moved
	}
	return at, true
}
