package bot

import (
	"slices"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// A service of a Swarm runs in tasks, which are counted where a container is looked at.

// replacing says that a restore has told the Swarm of another spec, and waits for the tasks. No entry tells of each.
func (v View) replacing() bool {
	r := v.Restore
	return r != nil && r.Plan.Service && (r.State == restore.Started || r.State == restore.Reverting)
}

// tasksOf is how far the Swarm is with replacing the tasks; "" while it is not, and when nobody can say.
func tasksOf(v View) string {
	if !v.replacing() {
		return ""
	}
	i := slices.IndexFunc(v.Containers, func(c ContainerView) bool { return c.Container.Key == v.Restore.Key })
	if i < 0 || v.Containers[i].Container.Tasks == nil {
		return ""
	}
	return " " + v.Containers[i].Container.Tasks.String()
}

// taskLines are what is not as it should be, in two short lines at most.
func taskLines(c snapshot.Container, n snapshot.Tasks) []string {
	if n.Well() {
		return nil
	}
	out := []string{"⚠️ " + quote(c.Called(), 100) + ": " + n.String()}
	switch {
	case n.Held != "":
		out = append(out, "One does not start: "+quote(n.Held, 150))
	case n.Failure != "":
		out = append(out, "Last failure: "+quote(n.Failure, 150))
	}
	return out
}

// taskDetails is all that is known of them.
func taskDetails(n snapshot.Tasks, at time.Time, zone *time.Location) []string {
	out := []string{"• " + n.String()}
	if n.Update != "" {
		line := "• The Swarm says of its update: " + quote(n.Update, 40)
		if n.Said != "" {
			line += " (" + quote(n.Said, 200) + ")"
		}
		out = append(out, line)
	}
	if n.Held != "" {
		out = append(out, "• A task does not start: "+quote(n.Held, 300))
	}
	if !n.FailedAt.IsZero() {
		line := "• A task failed at " + clock(n.FailedAt, at, zone)
		if n.Failure != "" {
			line += ": " + quote(n.Failure, 300)
		}
		out = append(out, line)
	}
	return out
}
