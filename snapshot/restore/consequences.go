package restore

import (
	"strings"

	"github.com/snapback/snapback/snapshot"
)

// Verdict says what a kept state is, next to the container that stands there now; "" for one that nothing is known against. It begins
// in small letters, to follow "It is", or a name.
func (o Offer) Verdict(c snapshot.Container) string {
	what := "what runs now"
	if c.State != "" && c.State != "running" {
		what = "what ran last: a restore starts it again"
	}
	switch {
	case o.Running && o.Layer:
		return what + ", but for files that it has written itself"
	case o.Running:
		return what
	}
	return o.Doubt
}

// Consequences are what a restore without volumes would do to a container beyond what it changes: sentences for whoever is asked
// whether they want it, in Slack and in the console.
func (o Offer) Consequences(c snapshot.Container) []string {
	out := []string{"It is down for a moment; what runs now is kept for Undo.", "Volumes and databases stay as they are."}
	if c.Tasks != nil {
		out[0] = "Its tasks are replaced as its update_config has it; the spec of now is kept for Undo."
	}
	if o.Running {
		out = append(out, "It is "+o.Verdict(c)+".")
	} else if o.Doubt != "" {
		out = append(out, strings.ToUpper(o.Doubt[:1])+o.Doubt[1:]+".")
	}
	if len(o.Joined) > 0 {
		out = append(out, "Recreated with it: "+strings.Join(o.Joined, ", ")+".")
	}
	if len(o.Beside) > 0 {
		out = append(out, "Runs beside it and stays: "+strings.Join(o.Beside, ", ")+".")
	}
	if len(o.Losses) > 0 {
		out = append(out, "Does not come back: "+strings.Join(o.Losses, "; ")+".")
	}
	return out
}
