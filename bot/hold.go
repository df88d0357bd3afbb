package bot

import (
	"context"
	"fmt"
	"slices"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// holdsOf are the holds that restores of an open incident have put on. One that was released while its deploy ran again is among
// them: what was restored does not run all the same.
func (b *Bot) holdsOf(ctx context.Context, in incidents.Incident) ([]snapshot.Hold, error) {
	if b.Holds == nil || !in.Open() {
		return nil, nil
	}
	return b.Holds.Told(ctx, in.ID)
}

// returned is a deploy on hold that runs again.
type returned struct {
	is   bool
	hold snapshot.Hold
	by   ContainerView // with which it came back
}

// back says whether what runs now, of any container, is a deploy on hold.
func (v View) back() returned {
	for _, h := range v.Holds {
		if back := v.backOf(h); back.is {
			return back
		}
	}
	return returned{}
}

// backOf says whether what one hold is on runs now.
func (v View) backOf(h snapshot.Hold) returned {
	for _, c := range v.Containers {
		if h.BackID != "" && h.Key == c.Container.Key && h.BackID == c.Container.ID {
			return returned{true, h, c}
		}
	}
	return returned{}
}

// replaced says that a deploy on hold runs in the place of what restores have put back of a container.
func (v View) replaced(key string) bool {
	return slices.ContainsFunc(v.Holds, func(h snapshot.Hold) bool { return h.Key == key && v.backOf(h).is })
}

// inPlace says that a restore has worked, and that what restores have put back still runs, as far as that is known.
func (v View) inPlace() bool { return v.judged() && v.deployedSince(*v.Restore) == nil }

// judged says that a restore has worked, and that errors are told of what runs since then: also of what was deployed afterwards, unless
// that is what was rolled back.
func (v View) judged() bool { return inPlace(v.Restore) && !v.back().is }

// againButton restores once more what a deploy on hold has replaced; nil when none has.
func againButton(v View) slack.BlockElement {
	back := v.back()
	if !back.is || !offering(v) || nobodyMay(back.by.Container) {
		return nil
	}
	i := slices.IndexFunc(back.by.Offers, func(o restore.Offer) bool { return o.Snapshot.Name == back.hold.Snapshot && restorable(o) })
	if i < 0 {
		return nil
	}
	label := "Restore " + back.hold.Snapshot
	if len(v.Containers) > 1 {
		label += " (" + back.by.Container.Called() + ")"
	}
	return restoreButton(label, v.Incident.ID, back.by.Container, back.by.Offers[i]).WithStyle(slack.StyleDanger)
}

// maxHolds is how many holds a message shows; there rarely is more than one.
const maxHolds = 6

// holdBlocks have a line for each hold, with the button that releases it.
func holdBlocks(v View) []slack.Block {
	if !v.Incident.Open() || v.Restore != nil && !v.Restore.State.Final() {
		return nil
	}
	var out []slack.Block
	for _, h := range v.Holds[:min(len(v.Holds), maxHolds)] {
		line := "✋ On hold: " + quote(h.What(), 300)
		back := v.backOf(h)
		if back.is {
			line = "⛔ *" + backLine(v, back) + "*"
		}
		switch s := section(line); {
		case !h.Released:
			s.Accessory = slack.NewAccessory(releaseButton(v.Incident.ID, h.Key, h.What()))
			out = append(out, s)
		case back.is:
			out = append(out, section(line+" · released"))
		}
	}
	if n := len(v.Holds) - maxHolds; n > 0 {
		out = append(out, note(fmt.Sprintf("… and %d more holds: `/snapback status` has all", n)))
	}
	return out
}

func backLine(v View, back returned) string {
	return fmt.Sprintf("%s is back since %s: the deploy that was rolled back at %s", quote(back.hold.What(), 300),
		clock(back.hold.BackAt, v.Incident.OpenedAt, v.Zone), clock(back.hold.Since, v.Incident.OpenedAt, v.Zone))
}

// releaseButton asks first. Clients may leave the question out.
func releaseButton(incident int64, key, what string) *slack.ButtonBlockElement {
	text := what + " may be deployed again, and pipelines are let through."
	return button(actRelease, "Release", value{Incident: incident, Key: keyHash(key)}).WithConfirm(
		confirm("Release the hold?", literal(text, maxConfirmText), "Release"))
}

// holdActions are what can be tapped under an entry that tells of a hold.
func holdActions(e incidents.Entry) []slack.BlockElement {
	a := aboutOf(e)
	if a.Hold.Key == "" {
		return nil
	}
	release := releaseButton(e.IncidentID, a.Hold.Key, a.Hold.What)
	switch e.Kind {
	case incidents.KindHoldOn:
		return []slack.BlockElement{release}
	case incidents.KindDeployBack:
		return []slack.BlockElement{restoreAgain(e, a), release}
	}
	return nil
}

// restoreAgain is for the container that the entry tells of, and no later one.
func restoreAgain(e incidents.Entry, a about) *slack.ButtonBlockElement {
	v := value{Incident: e.IncidentID, Key: keyHash(a.Hold.Key), Seen: shortID(e.Source.NativeID), Snapshot: a.Hold.Snapshot}
	text := fmt.Sprintf("%s goes back to %s once more. It is down for a moment; what runs now is kept for Undo. Volumes and databases stay as they are.", a.Container, a.Hold.Snapshot)
	return button(actRestore, "Restore "+a.Hold.Snapshot, v).WithStyle(slack.StyleDanger).WithConfirm(
		confirm("Restore "+a.Container+"?", literal(text, maxConfirmText), "Restore").WithStyle(slack.StyleDanger))
}

// release ends the holds on a container's deploys. Who may restore it may do that.
func (h *handling) release(ctx context.Context, v value) error {
	if h.Holds == nil {
		return snapshot.ErrNotHeld
	}
	in := incidents.Incident{}
	var err error
	if v.Incident != 0 {
		if in, err = h.Incidents.Incident(ctx, v.Incident); err != nil {
			return err
		}
	}
	c, err := h.container(ctx, v.Key)
	if err != nil {
		return err
	}
	if err := h.within(ctx, c, in); err != nil {
		return err
	}
	if err := h.allowed(ctx, c, in, "release the hold on"); err != nil {
		return err
	}
	_, err = h.Holds.Release(ctx, c.Key, h.by(v.Incident))
	return err
}

// held are the holds of all containers, for a person to read.
func (h *handling) held(ctx context.Context) (out []string, err error) {
	if h.Holds == nil {
		return nil, nil
	}
	all, err := h.Holds.All(ctx)
	for _, one := range all[:min(len(all), 10)] {
		line := "✋ " + quote(one.Sentence(h.cfg.Now(), h.cfg.Zone), 400)
		if h.runsAgain(ctx, one) {
			line = "⛔ " + quote(one.Sentence(h.cfg.Now(), h.cfg.Zone), 400) + ". *It is back since " + clock(one.BackAt, h.cfg.Now(), h.cfg.Zone) + "*"
		}
		out = append(out, line)
	}
	return append(out, leftOut(len(all)-10, "holds: `snapback hold list` has each container's")...), err
}

// runsAgain says whether what is on hold runs now. That the engine does not answer is told elsewhere.
func (h *handling) runsAgain(ctx context.Context, held snapshot.Hold) bool {
	if held.BackID == "" {
		return false
	}
	all, err := h.Containers.List(ctx)
	return err == nil && slices.ContainsFunc(all, func(c snapshot.Container) bool { return c.Key == held.Key && c.ID == held.BackID && !c.Gone() })
}
