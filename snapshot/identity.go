package snapshot

import (
	"encoding/json"
	"time"
)

// Event is something that happened to an enabled container, in the engine's words: create, start, oom, die, destroy, rename
// or health_status.
type Event struct {
	ContainerID string
	Name        string
	Action      string
	At          time.Time
	ExitCode    int // of die
}

// Observation is an enabled container as a single look shows it.
type Observation struct {
	Key       string
	ID        string
	Name      string
	State     string
	CreatedAt time.Time // to the second
	Schedule  string
	Volumes   bool   // their contents are to be archived
	Pattern   string // for errors in its log; "": the usual rules
	Query     string // PromQL for its errors a minute; "": there is none
	Requests  string // the same for its requests
	Others    bool   // other bots are for it: it does not bear the label that narrows this one's down, or carries this one
	Waits     bool   // it is no container of its own yet: see Standing
	Beside    int    // how many run beside it in its place, or are about to take it
	Leaves    string // the key that it gives up for this one; "": none
}

func (s Observation) Alive() bool { return Alive(s.State) }

// Occupant is an identity, with the container that was last seen to have run under it.
type Occupant struct {
	Container
	Labels   map[string]string // a Store keeps those of ours alone
	Document json.RawMessage   // its inspect document, in the clear
}

// Identity is what is known of an identity without looking at documents.
type Identity struct {
	Seat
	Scopes   []string  // labels that narrow bots down, of those that have seen it as theirs; "": of a bot that is for all
	Baseline string    // the engine's ID of the container that the newest baseline without a spike was taken from; "" when there is none
	LastTick time.Time // of its schedule; zero when there was none
}
