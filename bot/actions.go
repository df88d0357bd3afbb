package bot

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// actionsOf are the buttons under the message: those that help now, and no others.
func actionsOf(v View) []slack.BlockElement {
	if !v.Incident.Open() {
		return nil
	}
	var out []slack.BlockElement
	if b := mainButton(v); b != nil {
		out = append(out, b)
	}
	if b := statusButton(v); b != nil {
		out = append(out, b)
	}
	if v.Terminal && len(v.Containers) > 0 {
		out = append(out, button(actTerminal, "Terminal", valueFor(v.Incident.ID, v.Containers[0].Container)))
	}
	return append(out, overflow(v))
}

// mainButton is Undo after a restore that worked, and Restore otherwise.
func mainButton(v View) slack.BlockElement {
	if b := againButton(v); b != nil {
		return b
	}
	if c, ok := undoable(v); ok {
		return undoButton(v.Incident.ID, c, *v.Restore)
	}
	if !offering(v) || len(v.Containers) == 0 {
		return nil
	}
	c := v.Containers[0]
	best, ok := c.Best()
	if !ok {
		return nil
	}
	label := "Restore " + best.Snapshot.Name
	if len(v.Containers) > 1 || v.Suspects {
		label += " (" + c.Container.Called() + ")"
	}
	return restoreButton(label, v.Incident.ID, c.Container, best)
}

func undoable(v View) (snapshot.Container, bool) {
	r := v.Restore
	if !v.inPlace() || r.KeptUntil.IsZero() {
		return snapshot.Container{}, false
	}
	for _, c := range v.Containers {
		if c.Container.Key == r.Key {
			return c.Container, !nobodyMay(c.Container)
		}
	}
	return snapshot.Container{Key: r.Key, Name: r.Container}, true
}

// statusButton is Acknowledge until somebody has it, and Resolve once what was broken is restored or the errors are flat.
func statusButton(v View) slack.BlockElement {
	in := v.Incident
	switch {
	case v.Asked[incidents.CallResolve] != "":
		return nil
	case in.Status == incidents.Triggered && v.Asked[incidents.CallAcknowledge] == "":
		return button(actAcknowledge, "Acknowledge", value{Incident: in.ID})
	case mended(v):
		return resolveButton(in.ID)
	}
	return nil
}

// mended says that somebody has the incident, and that resolving it comes next.
func mended(v View) bool {
	return v.Incident.Status == incidents.Acknowledged && (v.inPlace() || !v.Incident.FlatAt.IsZero() && flatly(v) != "")
}

func overflow(v View) *slack.OverflowBlockElement {
	in := v.Incident
	options := others(v)
	if o := volumesOption(v); o != nil { // there is room for five
		options = append(options[:min(len(options), 1)], o)
	}
	options = append(options, option(value{Act: actDetails, Incident: in.ID}, "Details"))
	if url := runbook(v); url != "" {
		o := option(value{Act: actLink}, "Runbook")
		o.URL = url
		options = append(options, o)
	}
	if v.Asked[incidents.CallResolve] == "" && !mended(v) {
		options = append(options, option(value{Act: actResolve, Incident: in.ID}, "Resolve"))
	}
	return menu(options...)
}

// others are the restorable snapshots of the first container that have no button and are not in place.
func others(v View) []*slack.OptionBlockObject {
	if len(v.Containers) == 0 || v.Restore != nil && !v.Restore.State.Final() {
		return nil
	}
	c := v.Containers[0]
	shown := ""
	if best, ok := c.Best(); ok && offering(v) {
		shown = best.Snapshot.Name
	} else if v.inPlace() && v.Restore.Key == c.Container.Key {
		shown = v.Restore.Snapshot
	}
	var out []*slack.OptionBlockObject
	for _, o := range c.Offers {
		if !restorable(o) || !changing(c.Container, o) || nobodyMay(c.Container) || o.Snapshot.Name == shown || len(out) == 2 {
			continue
		}
		val := valueFor(v.Incident.ID, c.Container)
		val.Act, val.Snapshot = actPick, o.Snapshot.Name
		out = append(out, option(val, "Restore "+o.Snapshot.Name+" …"))
	}
	return out
}

func runbook(v View) string {
	for _, c := range v.Containers {
		if linkable(c.Container.Settings.Runbook) {
			return c.Container.Settings.Runbook
		}
	}
	return ""
}

// smallPrint is what may be read later: how old the offers are, what can't be restored and why, what is missing.
func smallPrint(v View) string {
	var out []string
	if v.Problem != "" {
		out = append(out, "⚠️ "+v.Problem)
	}
	for _, r := range v.Refused {
		out = append(out, r.line())
	}
	for _, c := range v.Containers {
		out = append(out, offersLine(v, c))
		if wrong := wrongLabels(c.Container); len(wrong) > 0 && v.Incident.Open() {
			out = append(out, wrong[:min(len(wrong), 2)]...)
		}
	}
	if v.More > 0 {
		out = append(out, moreContainers(v.More))
	}
	if v.Incident.Open() && len(v.Containers) == 0 && v.Problem == "" {
		out = append(out, "No container names this service, and no deploy was seen. `/snapback list` shows what I watch.")
	}
	return lines(2000, out...)
}

func moreContainers(n int) string {
	return fmt.Sprintf("%d more containers: see `/snapback list`", n)
}

func offersLine(v View, c ContainerView) string {
	if !offering(v) || len(c.Offers) == 0 {
		return ""
	}
	var parts []string
	for _, o := range c.Offers {
		p := "`" + quote(o.Snapshot.Name, 64) + "` " + clock(o.Snapshot.CreatedAt, v.Incident.OpenedAt, v.Zone) + age(o.Snapshot.CreatedAt, v.Incident.OpenedAt)
		if !restorable(o) {
			p += " can't be restored: " + quote(strings.Join(o.WhyNot, "; "), 200)
		} else if what := o.Verdict(c.Container); what != "" {
			p += ": " + quote(what, 200)
		}
		parts = append(parts, p)
	}
	if len(v.Containers) > 1 {
		parts[0] = quote(c.Container.Called(), 100) + ": " + parts[0]
	}
	return strings.Join(parts, " · ")
}

// age is how old a snapshot was when the alert came.
func age(taken, opened time.Time) string {
	switch {
	case opened.IsZero():
		return ""
	case incidents.Since(opened, taken):
		return " (since the alert)"
	}
	return " (" + span(max(0, opened.Sub(taken))) + " before)"
}

// whatHappens is the confirm dialog's text: what changes and what stays, and then as much of the rest as there is room for.
func whatHappens(c snapshot.Container, o restore.Offer) string {
	text := c.Called() + " goes back to " + o.Snapshot.Name
	if what := changesLine(o.Changes); what != "" {
		text += ": " + cut(what, 110)
	}
	text += ". " + strings.Join(o.Consequences(c), " ")
	return literal(text, maxConfirmText)
}
