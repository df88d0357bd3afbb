package snapshot

import (
	"fmt"
	"time"
)

// Tasks are the tasks of a service, counted against the spec that it has now. Times are UTC.
type Tasks struct {
	Want    int // how many of the spec are to run
	Running int // how many do
	Old     int // how many of another spec still run, or are about to
	Failed  int // how many of the spec have ended with an error, or could not be started, since it was deployed

	Failures []string // the IDs of those that have, also when the spec was deployed before, as far as the manager remembers
	Meant    []string // the IDs of those that run, or are to
	Ended    []string // the IDs of all others of the spec that the manager remembers
	Others   []string // the IDs of those of other specs that it remembers, also when they were only forced to start anew

	Since    time.Time // when the last one of those that run began to; zero: none does
	FailedAt time.Time // when the last one failed; zero: none has
	Failure  string    // why, in the manager's words, which are outside text
	ExitCode int       // with which its container had ended

	Held  string // why one of the spec does not start, in the manager's words, which are outside text; "": none is kept from it
	Stays bool   // nor will it: its node could not get the image, and does not try again (Docker 29)

	Patience time.Duration // how long its spec lets one step of an update take
	Update   string        // what the manager says of its update: updating, paused, completed, rollback_started and so on; "": there was none
	Said     string        // and in words, which are outside text
	Stuck    bool          // its update waits for a task on a node that has gone, and never ends by itself
}

// Well says that all run that are to, and no others, and that the manager has seen them stay up for as long as its update has to watch
// them. An update that never ends is not waited for.
func (t Tasks) Well() bool {
	return t.Running == t.Want && t.Old == 0 && (t.Update != "updating" || t.Stuck)
}

// State is the service's as that of one container.
func (t Tasks) State() string {
	switch {
	case t.Running > 0:
		return "running"
	case t.Want == 0:
		return "exited"
	case t.Failed > 0:
		return "restarting"
	}
	return "created"
}

// Health is the service's as that of one container.
func (t Tasks) Health() string {
	switch {
	case t.Running == 0:
		return ""
	case t.Well():
		return "healthy"
	case t.Failed > 0 && t.FailedAt.After(t.Since):
		return "unhealthy"
	}
	return "starting"
}

// String is such as "3 of 5 tasks run".
func (t Tasks) String() string {
	s := fmt.Sprintf("%d of %d tasks run", t.Running, t.Want)
	if t.Old > 0 {
		s += fmt.Sprintf(", %d from before", t.Old)
	}
	return s
}
