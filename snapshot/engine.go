package snapshot

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Inspection is what the engine says of one container, enabled or not. Document is its raw inspect document.
type Inspection struct {
	Container
	Enabled       bool
	Document      json.RawMessage
	ExitCode      int
	Restarts      int // how often the engine has restarted it since it was started by hand
	RestartPolicy RestartPolicy
	StopTimeout   int // seconds, its own; -1 when it has none
	AutoRemove    bool
	HasCheck      bool          // a health check is configured
	CheckFor      time.Duration // with one: how long after its start its settings may leave it without a verdict
	Labels        map[string]string
	Place         Place
	FinishedAt    time.Time // when it last ended, by the engine's clock; zero when it never did

	// Up is for how long it has been running, by any clock: the engine's may be another one than the bot's. 0 when it doesn't.
	Up time.Duration
}

// steady is how long a container that the engine had to restart must have been up since not to be taken for crashing.
const steady = 10 * time.Minute

// Unwell says what speaks against going back to a container as it is at that moment; "" when nothing does. One that was
// stopped has ended by a signal that asked it to.
func (i Inspection) Unwell(at time.Time) string {
	switch ended := i.State == "exited" || i.State == "created"; {
	case i.State == "restarting", i.Restarts > 0 && at.Sub(i.StartedAt) < steady:
		return "it was crashing: the engine had to restart it"
	case i.State == "dead":
		return "it was dead"
	case ended && !slices.Contains(stopped, i.ExitCode):
		return fmt.Sprintf("it had ended with exit code %d", i.ExitCode)
	case i.State == "running" && i.Health == "unhealthy": // the engine also calls those so that were stopped
		return "it was unhealthy"
	}
	return ""
}

// stopped are the exit codes of a container that somebody stopped: of its own accord, and by SIGINT, SIGKILL and SIGTERM.
var stopped = []int{0, 128 + 2, 128 + 9, 128 + 15}

// RestartPolicy is when the engine restarts a container by itself, in Docker's words.
type RestartPolicy struct {
	Name       string `json:"Name"` // no, always, on-failure, unless-stopped
	MaxRetries int    `json:"MaximumRetryCount"`
}

// String is the policy as docker run --restart takes it; "" for none.
func (p RestartPolicy) String() string {
	if p.Name == "on-failure" && p.MaxRetries > 0 {
		return fmt.Sprintf("%s:%d", p.Name, p.MaxRetries)
	}
	return p.Name
}

// Spec is what a replacement is made from: a snapshot's document and the exact image.
type Spec struct {
	Document json.RawMessage
	ImageID  string
	ImageRef string // our tag on that image, for when the deploy's own name for it has moved on
	Replaces string // the engine's ID of the running container whose place it will take; "" when there is none
	Place    Place  // zero: as the document has it
	Plain    bool   // without auto-remove and without a restart policy: a copy that must not go away by itself
}

// Place is what its tool finds a container by, and what the next one in its place therefore bears as well.
type Place struct {
	Name    string              `json:"name,omitempty"`
	Labels  map[string]string   `json:"labels,omitempty"`
	Aliases map[string][]string `json:"aliases,omitempty"` // by network: names to which it answers as well
}

// Finding is what preflight found. Problems stop a restore; Losses are what will not come back, for people to
// know beforehand; Joined are containers that share a namespace with the one to be replaced.
type Finding struct {
	Problems []string
	Losses   []string
	Joined   []Container
}

// Introduction is what an engine says of itself.
type Introduction struct {
	ID   string // what it calls itself
	Host string
}

// Traces are what is on an engine from before.
type Traces struct {
	Containers []string       // IDs of enabled containers
	Images     []string       // IDs of images that bear a tag of ours
	Duplicates map[string]int // how many there are, by the engine's name that their keys begin with
}
