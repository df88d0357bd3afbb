package bot

import (
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// A restore with volumes replaces data that people and programs have written since. So it is never the first button, is
// asked for in a message of its own, and says there how old the contents are.

// moving says that a restore reads or fills volumes now, or is about to. No entry tells how far it is.
func (v View) moving() bool {
	r := v.Restore
	return r != nil && r.Plan.Volumes != nil && (r.State == restore.Preflight || r.State == restore.Swapping || r.State == restore.Reverting)
}

// volumesOf is how far a restore is with them; "" when it is not at them, and when another bot is.
func volumesOf(v View) string {
	if v.Progress == nil {
		return ""
	}
	return " " + quote(v.Progress.String(), 200)
}

// withVolumes says whether an offer can be taken up with volumes as well.
func withVolumes(o restore.Offer) bool {
	return restorable(o) && o.Volumes != nil && len(o.Volumes.WhyNot) == 0
}

func volumesWhyNot(o restore.Offer) []string {
	if o.Volumes == nil {
		return []string{"it has no contents of volumes: restore it without"}
	}
	return o.Volumes.WhyNot
}

// volumesOption is the menu's entry for the offer that has the main button; nil when there is none.
func volumesOption(v View) *slack.OptionBlockObject {
	if len(v.Containers) == 0 || !offering(v) {
		return nil
	}
	c := v.Containers[0]
	best, ok := c.Best()
	if !ok || !withVolumes(best) {
		return nil
	}
	val := valueFor(v.Incident.ID, c.Container)
	val.Act, val.Snapshot, val.Volumes = actPick, best.Snapshot.Name, true
	return option(val, "Restore "+best.Snapshot.Name+" with volumes …")
}

// proposalWithVolumes is the message that asks.
func proposalWithVolumes(c snapshot.Container, o restore.Offer, incident int64, zone *time.Location) Rendering {
	set := o.Volumes.Set
	text := fmt.Sprintf("Restore %s to `%s` with volumes?", quote(c.Called(), 120), quote(o.Snapshot.Name, 64))
	long := []string{
		"*" + text + "*",
		"• Goes back: " + quote(set.Sentence(zone), 500) + ". Whatever was written there since is replaced.",
		"• What is there now is kept for Undo. " + quote(c.Called(), 120) + " is down until it has been kept and the old contents are in place: longer than without volumes.",
	}
	o.Losses = restore.WithVolumes(o.Losses, set.Paths())
	return Rendering{Text: text, Blocks: []slack.Block{
		section(lines(maxSection, append(long, consequences(o)...)...)),
		slack.NewActionBlock("", volumesButton(incident, c, o, zone)),
	}}
}

// volumesButton asks once more, where clients do.
func volumesButton(incident int64, c snapshot.Container, o restore.Offer, zone *time.Location) *slack.ButtonBlockElement {
	v := valueFor(incident, c)
	v.Snapshot, v.Volumes = o.Snapshot.Name, true
	text := fmt.Sprintf("What was written since %s is replaced, and kept for Undo. %s is down until that is done.",
		o.Volumes.Set.TakenAt.In(zone).Format("Jan 2 15:04"), c.Called())
	b := button(actRestore, "Restore "+o.Snapshot.Name+" with volumes", v).WithStyle(slack.StyleDanger)
	return b.WithConfirm(confirm("Restore "+c.Called()+" with volumes?", literal(text, maxConfirmText), "Restore all").WithStyle(slack.StyleDanger))
}
