package incidents

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Removed are the details of an entry that says that recordings have had their time.
type Removed struct {
	KeptFor    string   `json:"kept_for"`   // in words: "90 days"
	Recordings []Sealed `json:"recordings"` // what was found in them just before
}

// Days is how long something is kept, for people: "90 days", or "36h0m0s" when that is no number of days.
func Days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d >= day && d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// fromDays reads what Days has written; false for anything else.
func fromDays(words string) (d time.Duration, ok bool) {
	number, found := strings.CutSuffix(strings.TrimSuffix(words, "s"), " day")
	if !found {
		d, err := time.ParseDuration(words)
		return d, err == nil
	}
	n, err := strconv.Atoi(number)
	return time.Duration(n) * 24 * time.Hour, err == nil
}

// removed is what the timeline says of recordings that are gone, by their IDs. The entries that say so are signed, and so are those by
// which a bot knows that the time was over: whoever can only write to the database can make neither. A removal that came sooner
// than its own entry says is found as well.
type removed map[string]removal

type removal struct {
	Sealed
	keptFor string
	early   string // what is wrong with its time; "": nothing
}

func (r removed) add(e Entry, ends *Endings) {
	var details Removed
	readDetails(e, &details)
	for _, s := range details.Recordings {
		if _, known := r[s.ID]; !known {
			r[s.ID] = removal{s, details.KeptFor, early(e, s.ID, details.KeptFor, ends)}
		}
	}
}

// clockStep is how far a clock may be set back between the look at the time and the entry.
const clockStep = time.Minute

// early holds the moment of a removal against the entries before it.
func early(e Entry, recording, keptFor string, ends *Endings) (finding string) {
	at, over := ends.Of(recording, e.IncidentID)
	keep, known := fromDays(keptFor)
	switch {
	case !over:
		return fmt.Sprintf("recording %s was removed by entry %d, and no entry before it says that its session, and the incident, had ended", recording, e.Seq)
	case known && e.RecordedAt.Before(at.Add(keep-clockStep)):
		return fmt.Sprintf("recording %s was removed by entry %d after %s, and not after %s",
			recording, e.Seq, e.RecordedAt.Sub(at).Round(time.Second), keptFor)
	}
	return ""
}

// against holds what was found at the removal against what the end of the session has said.
func (r removal) against(want Sealed) (finding string) {
	switch {
	case r.early != "":
		return r.early
	case r.Chunks != want.Chunks:
		return fmt.Sprintf("recording %s had %d pieces when its session ended, and %d when it was removed after %s", want.ID, want.Chunks, r.Chunks, r.keptFor)
	case r.SHA256 != want.SHA256:
		return fmt.Sprintf("recording %s was not what was recorded when it was removed after %s, or its key was taken out of the ring", want.ID, r.keptFor)
	}
	return ""
}
