package restore

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// The first button restores the newest state that differs from what runs and that was good. When there is none, there is no
// such button: WhyNone says so. All else that is kept can be restored from the lists.
//
// It differs when the container would become another one: its image, or an attribute that people set. What a container has
// written to files of its own makes no difference here: it is a reason to restore for who knows of it, and no way out of a bad
// deploy. A container that has ended is compared as if it ran. From one that is gone, every state differs.
//
// It was good when nothing is known against it (Scene.Doubt):
//   - no restore was made away from it, nor from a state like it that has not run for an hour since;
//   - the container was well when it was taken, and errors were not at a spike's rate, as far as the snapshot says so;
//   - it was not taken since the alert, unless it is of a container that was replaced before, and is not of the one that ran when
//     the alert came;
//   - that container had run for as long as a baseline takes.

// Scene is what is known of a container at the moment when a way out is looked for. Times are UTC.
type Scene struct {
	Now     snapshot.Container
	Opened  time.Time         // when the alert came; zero: there is none
	Deploys []snapshot.Deploy // of the container, newest first
	Left    []string          // the engine's IDs of the containers that restores were made away from
	Proves  time.Duration     // how long a container has to run before its state counts as good; 0: that is not asked
}

// proven is how long a state must run to be taken for good again that a restore was once made away from.
const proven = time.Hour

// Doubt says why a state is not known to be good, to follow its name; "" when nothing speaks against it.
func (s Scene) Doubt(snap snapshot.Snapshot) string {
	ran, known := s.ranUntil(snap.ContainerID, snap.CreatedAt)
	switch {
	case snap.Reason == snapshot.Before, slices.Contains(s.Left, snap.ContainerID):
		return "a restore was made away from it"
	case snap.Unwell != "":
		return "when it was taken, " + snap.Unwell
	case snap.Spiked:
		return "errors were at a spike's rate when it was taken"
	case incidents.Since(s.Opened, snap.CreatedAt) && !s.replacedBefore(snap.ContainerID):
		return "it was taken since the alert"
	case snap.ContainerID != "" && snap.ContainerID == s.atAlert():
		return "it is what ran when the alert came"
	case snap.Reason != snapshot.Baseline && known && ran < s.Proves:
		return fmt.Sprintf("it had run for %s only when it was taken", max(ran, 0).Round(time.Second))
	}
	return ""
}

// atAlert is the engine's ID of the container that ran when the alert came; "" when it is not known, as of one that is gone and
// was never deployed: that it is gone may be all that is wrong. None ran when it had gone before.
func (s Scene) atAlert() string {
	if s.Opened.IsZero() || s.Now.Gone() && !s.Now.GoneAt.IsZero() && !incidents.Since(s.Opened, s.Now.GoneAt) {
		return ""
	}
	at := ""
	for _, d := range s.Deploys {
		if !incidents.Since(s.Opened, d.Came()) {
			return d.AfterID
		}
		at = d.BeforeID // the oldest one since the alert says what it replaced
	}
	if at == "" && !s.Now.Gone() {
		return s.Now.ID
	}
	return at
}

// replacedBefore says that a container had been replaced when the alert came. What is kept of it may be copied later.
func (s Scene) replacedBefore(id string) bool {
	return id != "" && slices.ContainsFunc(s.Deploys, func(d snapshot.Deploy) bool { return d.BeforeID == id && !incidents.Since(s.Opened, d.Came()) })
}

// ranUntil is how long a container had run at a moment, since it was deployed the last time before; false when that is not known.
func (s Scene) ranUntil(id string, at time.Time) (time.Duration, bool) {
	i := slices.IndexFunc(s.Deploys, func(d snapshot.Deploy) bool { return id != "" && d.AfterID == id && !d.At.After(at) })
	if i < 0 {
		return 0, false
	}
	return at.Sub(s.Deploys[i].At), true
}

// Proven says whether the container of a snapshot has run for long, by the moment now.
func (s Scene) Proven(id string, now time.Time) bool {
	until := now
	if i := slices.IndexFunc(s.Deploys, func(d snapshot.Deploy) bool { return d.BeforeID == id }); i >= 0 {
		until = s.Deploys[i].At
	}
	ran, known := s.ranUntil(id, until)
	return !known || ran >= proven
}

// WayOut says that the state may be what the first button restores.
func (o Offer) WayOut() bool { return o.group() == good && len(o.WhyNot) == 0 }

// The groups of offers, in the order in which people see them.
const (
	good      = iota // nothing is known against it
	doubtful         // see Offer.Doubt
	unwell           // it was ill when it was taken
	current          // it is what runs now
	abandoned        // a restore was made away from it
	imageless        // it can't be restored, since its image is gone
)

func (o Offer) group() int {
	switch {
	case !o.Snapshot.MissingSince.IsZero():
		return imageless
	case o.Snapshot.Reason == snapshot.Before:
		return abandoned
	case o.Running:
		return current
	case o.Snapshot.Spiked, o.Snapshot.Unwell != "":
		return unwell
	case o.Doubt != "":
		return doubtful
	}
	return good
}

// Sort puts offers into the order in which people see them: the first one is what the first button restores, if it is a way out.
func Sort(offers []Offer) {
	slices.SortStableFunc(offers, func(x, y Offer) int {
		return cmp.Or(cmp.Compare(x.group(), y.group()), y.Snapshot.CreatedAt.Compare(x.Snapshot.CreatedAt))
	})
	if i := beforeDeploy(offers); i > 0 {
		kept := offers[i]
		copy(offers[1:i+1], offers[:i])
		offers[0] = kept
	}
}

// beforeDeploy is where the snapshot from before a deploy stands that is of the same container as the first offer, a baseline; -1
// when there is none. A pipeline may have taken it a moment earlier, and it is the name that people look for.
func beforeDeploy(offers []Offer) int {
	if len(offers) == 0 || offers[0].Snapshot.Reason != snapshot.Baseline {
		return -1
	}
	first := offers[0]
	return slices.IndexFunc(offers, func(o Offer) bool {
		return o.Snapshot.Reason == snapshot.PreDeploy && o.group() == first.group() && o.Snapshot.ContainerID == first.Snapshot.ContainerID && first.Snapshot.ContainerID != ""
	})
}

// WhyNone says why there is no way out among sorted offers, as a sentence without its end; "" when there is one.
func WhyNone(container string, offers []Offer) string {
	if slices.ContainsFunc(offers, Offer.WayOut) {
		return ""
	}
	if len(offers) == 0 {
		return "No snapshot of " + container + " is kept"
	}
	switch first := offers[0]; {
	case first.group() == good:
		return "No good state of " + container + " can be restored now"
	case first.group() == current:
		return "Nothing is kept of " + container + " that differs from what runs now and was good"
	case first.group() < current:
		return fmt.Sprintf("Nothing is known to be a good state of %s: of %s, %s", container, first.Snapshot.Name, first.Doubt)
	}
	return "No good state of " + container + " is kept"
}
