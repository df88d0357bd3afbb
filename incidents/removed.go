package incidents

import (
	"fmt"
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

// removed is what the timeline says of recordings that are gone, by their IDs. The entries that say so are signed: nobody who can
// only write to the database can make it look as if time had taken what they deleted.
type removed map[string]removal

type removal struct {
	Sealed
	keptFor string
}

func (r removed) add(e Entry) {
	var details Removed
	readDetails(e, &details)
	for _, s := range details.Recordings {
		if _, known := r[s.ID]; !known {
			r[s.ID] = removal{s, details.KeptFor}
		}
	}
}

// against holds what was found at the removal against what the end of the session has said.
func (r removal) against(want Sealed) (finding string) {
	switch {
	case r.Chunks != want.Chunks:
		return fmt.Sprintf("recording %s had %d pieces when its session ended, and %d when it was removed after %s", want.ID, want.Chunks, r.Chunks, r.keptFor)
	case r.SHA256 != want.SHA256:
		return fmt.Sprintf("recording %s was not what was recorded when it was removed after %s, or its key was taken out of the ring", want.ID, r.keptFor)
	}
	return ""
}
