package snapshot

import "time"

// Duplicate is all that Postgres knows of one snapshot, as the engine keeps it. What is not sealed tells people, and the
// bot, whose it is.
type Duplicate struct {
	Name      string // the same for the same state of the same snapshot; another one for everything else
	Key       string
	Container string
	Snapshot  string
	CreatedAt time.Time // to the microsecond, as Postgres has it
	Sealed    []byte
}
