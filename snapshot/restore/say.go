package restore

import (
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// entry is the timeline entry that goes with entering a state. It is written before the state's work is done.
func (r Restore) entry(to State) incidents.Entry {
	details, _ := incidents.Details(r.details(to)) // plain structs: always encodable
	return incidents.Entry{
		IncidentID: r.By.Incident,
		OccurredAt: time.Now(),
		Kind:       entryKind(to),
		Actor:      incidents.Self(),
		Source:     incidents.Source{System: "snapback", NativeID: fmt.Sprintf("restore/%d/%s", r.ID, to)},
		Summary:    r.Sentence(to),
		Details:    details,
	}
}

// RequestEntry is the audit entry: who, what, when and why, before the engine is called.
func (r Restore) RequestEntry() incidents.Entry {
	details, _ := incidents.Details(r.details(Requested)) // plain structs: always encodable
	return incidents.Entry{
		IncidentID: r.By.Incident,
		OccurredAt: r.RequestedAt,
		Kind:       incidents.KindRestoreRequested,
		Actor:      r.By.Actor,
		Source:     r.By.Source,
		Summary:    r.Sentence(Requested),
		Details:    details,
	}
}

func entryKind(to State) incidents.Kind {
	switch to {
	case Refused:
		return incidents.KindRestoreRefused
	case Verified:
		return incidents.KindRestoreVerified
	case Reverted:
		return incidents.KindRestoreReverted
	case Failed:
		return incidents.KindRestoreFailed
	}
	return incidents.KindRestoreState
}

// Sentence says in one line, for people, what entering the state means.
func (r Restore) Sentence(to State) string {
	what := fmt.Sprintf("%s to %s", r.Container, r.Snapshot)
	if s := r.ofService(to); s != "" {
		return s
	}
	switch to {
	case Requested:
		return fmt.Sprintf("%s asked to %s %s%s%s", r.By.Actor.Name, r.verb(), what, r.volumesPhrase(time.UTC)+r.replicasPhrase(), r.By.Because())
	case Preflight:
		return fmt.Sprintf("Checking that %s can go back to %s", r.Container, r.Snapshot)
	case Prepared:
		return "Checked; creating the replacement beside the running " + r.Container
	case Swapping:
		return "Replacement ready; stopping the running " + r.Container + r.moving()
	case Started:
		return fmt.Sprintf("%s runs from %s; %s", r.Container, r.Snapshot, r.proving())
	case Verified:
		return r.success()
	case Refused:
		return fmt.Sprintf("Not done: %s. Nothing was changed", r.Error)
	case Reverting:
		return fmt.Sprintf("It did not work (%s); putting the container from before back", r.Error)
	case Reverted:
		return fmt.Sprintf("%s is as it was before: %s", r.Container, r.Error)
	case Failed:
		return fmt.Sprintf("%s needs you: %s", r.Container, r.Error)
	}
	return fmt.Sprintf("%s: %s", r.Container, to) // of a newer program
}

// ofService is Sentence where a service is another matter than a container; "": it is not.
func (r Restore) ofService(to State) string {
	if !r.Plan.Service {
		return ""
	}
	switch to {
	case Prepared:
		return "Checked" + r.doubt() + "; keeping the spec that " + r.Container + " has now"
	case Swapping:
		return fmt.Sprintf("The spec from before is kept; telling the Swarm of that of %s", r.Snapshot)
	case Started:
		return fmt.Sprintf("The Swarm replaces the tasks of %s; waiting until all are from %s and run", r.Container, r.Snapshot)
	case Reverting:
		return fmt.Sprintf("It did not work (%s); putting the spec from before back", r.Error)
	}
	return ""
}

// doubt says what could not be checked.
func (r Restore) doubt() string {
	if r.Plan.Doubt == "" {
		return ""
	}
	return ", but not " + r.Plan.Doubt
}

// preparing is what is done in state Prepared.
func (r Restore) preparing() string {
	if r.Plan.Service {
		return "keeping the spec from before"
	}
	return "creating the replacement"
}

// proving says what is waited for, which may take long.
func (r Restore) proving() string {
	if r.Plan.HealthFor == 0 {
		return "making sure that it stays up"
	}
	return fmt.Sprintf("waiting for its health check to say healthy, for %s at most", r.Plan.HealthFor)
}

// moving says why it will be down for longer.
func (r Restore) moving() string {
	if r.Plan.Volumes == nil {
		return ""
	}
	return ", then keeping what its volumes hold and filling them; it is down until that is done"
}

func (r Restore) verb() string {
	if r.Kind == Undoing {
		return "undo the restore: put back"
	}
	return "restore"
}

func (r Restore) success() string {
	s := fmt.Sprintf("%s is back on %s, %.1f s after the request", r.Container, r.Snapshot, r.VerifiedAt.Sub(r.RequestedAt).Seconds())
	if r.Kind == Undoing {
		s = fmt.Sprintf("%s. It took %.1f s", r.Undone(), r.VerifiedAt.Sub(r.RequestedAt).Seconds())
	}
	if r.Downtime > 0 {
		s += fmt.Sprintf(", down for %.1f s", r.Downtime.Seconds())
	}
	s += r.volumesPhrase(time.UTC) + r.replicasPhrase() + ": " + r.Proof
	if len(r.Plan.Beside) > 0 {
		s += "; beside it there still runs " + strings.Join(r.Plan.Beside, ", ")
	}
	if n := len(r.Unexpected()); n > 0 {
		s += fmt.Sprintf("; %d attributes are not as they were", n)
	}
	for _, more := range []string{r.Unheld(), r.Unretired(), r.Left()} {
		if more != "" {
			s += ". " + more
		}
	}
	return s
}

// replicasPhrase is what a sentence about the restore says of how many tasks a service has.
func (r Restore) replicasPhrase() string {
	if !r.Plan.Replicas {
		return ""
	}
	return " with as many tasks as it had then"
}

// Unheld says, in a sentence without its end, that what the restore has rolled back is not on hold, and what to do; "": it is, or it was
// no deploy.
func (r Restore) Unheld() string {
	if r.Plan.Unheld == "" {
		return ""
	}
	return fmt.Sprintf("What it rolled back could not be put on hold (%s): stop the pipeline by hand, since no deploy of it is refused or told", r.Plan.Unheld)
}

// Undone says of an undo what was undone, what runs now, and what that means. An undo of an earlier release does not know all.
func (r Restore) Undone() string {
	what, runs := "The restore of "+r.Container+" was undone", "what ran before it runs again"
	if r.Plan.Undoes != "" {
		what = fmt.Sprintf("The restore of %s to %s was undone", r.Container, r.Plan.Undoes)
	}
	if r.Plan.Brings != "" {
		runs = r.Plan.Brings + " runs again, as it did before it"
	}
	return what + ": " + runs + ", with whatever was wrong with it"
}

// ReplacedBy says whether a deploy has come in the place of what the restore, or the undo, has put back.
func (r Restore) ReplacedBy(d snapshot.Deploy) bool {
	return r.State == Verified && d.AfterID != r.Plan.NewID && d.Came().After(r.RequestedAt)
}

// Replaced says what was put back, and what runs now in its place, since a deploy.
func (r Restore) Replaced(d snapshot.Deploy) string {
	if r.Kind == Undoing {
		return fmt.Sprintf("The restore of %s was undone, and it runs %s since a later deploy", r.Container, d.After)
	}
	return fmt.Sprintf("%s was put back on %s, and runs %s since a later deploy", r.Container, r.Snapshot, d.After)
}

// details are what an entry carries beyond its sentence.
func (r Restore) details(to State) any {
	d := struct {
		Restore     int64                 `json:"restore_id"`
		State       State                 `json:"state"`
		Container   string                `json:"container"`
		Key         string                `json:"key"` // tells it from another engine's of that name
		Snapshot    string                `json:"snapshot"`
		Kind        Kind                  `json:"kind"`
		Reason      string                `json:"reason,omitempty"`
		Seen        string                `json:"seen,omitempty"`
		WhyNot      []string              `json:"why_not,omitempty"`
		Kept        string                `json:"kept,omitempty"`
		DowntimeMs  int64                 `json:"downtime_ms,omitempty"`
		Proof       string                `json:"proof,omitempty"`
		Phases      []Phase               `json:"phases,omitempty"`
		Differences []snapshot.Difference `json:"differences,omitempty"`
		Losses      []string              `json:"losses,omitempty"`
		Volumes     *VolumePlan           `json:"volumes,omitempty"`
		Error       string                `json:"error,omitempty"`
		Service     bool                  `json:"is_service,omitempty"`
	}{
		Restore: r.ID, State: to, Container: r.Container, Key: r.Key, Snapshot: r.Snapshot, Kind: r.Kind,
		Reason: r.By.Reason, Seen: r.Seen, WhyNot: r.WhyNot, Kept: r.Plan.KeptName,
		DowntimeMs: r.Downtime.Milliseconds(), Proof: r.Proof, Losses: r.Plan.Losses, Volumes: r.Plan.Volumes, Error: r.Error, Service: r.Plan.Service,
	}
	if to.Final() {
		d.Phases, d.Differences = r.Phases, r.Differences
	}
	return d
}

// How commands for a person stand in a sentence.
const (
	onHost  = "On the engine's host: "
	andLook = "; and look at docker ps -a"
)

// byHand is what a person does on the engine's host, in a sentence.
func byHand(commands []string) string { return onHost + strings.Join(commands, "; ") + andLook }

// ByHand takes the commands out of a text that tells a person what to do on the engine's host: what stands before them, the
// commands, and what stands after. Without commands, all of it stands before.
func ByHand(text string) (before string, commands []string, after string) {
	before, rest, found := strings.Cut(text, onHost)
	if !found {
		return text, nil, ""
	}
	list, after, _ := strings.Cut(rest, andLook)
	return before, strings.Split(list, "; "), after
}
