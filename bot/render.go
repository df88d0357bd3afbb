package bot

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// Rendering is a message as Slack takes it. Text is what notifications and old clients show.
type Rendering struct {
	Text   string
	Blocks []slack.Block
}

// Render draws the message of an incident. It is written for a phone that is looked at with one eye open: the first
// five lines say what is wrong, what was changed before it, and what can be done.
func Render(v View) Rendering {
	blocks := []slack.Block{
		slack.NewHeaderBlock(plain(headline(v.Incident), maxHeader)),
		section(lines(maxSection, facts(v), standing(v), flatly(v))),
	}
	if v.Incident.Open() {
		blocks = append(blocks, containers(v)...)
	}
	if v.Restore != nil && !v.replaced(v.Restore.Key) { // else what it has put back does not run any more
		blocks = append(blocks, section(progress(v)))
	}
	for _, line := range otherRestores(v) {
		blocks = append(blocks, section(line))
	}
	blocks = append(blocks, holdBlocks(v)...)
	if actions := actionsOf(v); len(actions) > 0 {
		blocks = append(blocks, slack.NewActionBlock("", actions...))
	}
	blocks = append(blocks, evidence(v, blocks)...)
	if small := smallPrint(v); small != "" {
		blocks = append(blocks, note(small))
	}
	return Rendering{Text: fallback(v), Blocks: blocks[:min(len(blocks), maxMessageBlocks)]}
}

// headline is outside text: plain escapes it.
func headline(in incidents.Incident) string {
	title := oneLine(in.Title)
	if title == "" {
		title = "Incident without a title"
	}
	return mark(in) + " " + title
}

func mark(in incidents.Incident) string {
	switch {
	case in.Status == incidents.Resolved:
		return "✅"
	case in.Status == incidents.Acknowledged:
		return "👀"
	case in.Urgency == "low":
		return "⚠️"
	}
	return "🚨"
}

// facts is the line of service, urgency, time and link.
func facts(v View) string {
	in := v.Incident
	var parts []string
	if in.Service != "" {
		parts = append(parts, "*"+quote(in.Service, 100)+"*")
	}
	if in.Urgency != "" {
		parts = append(parts, quote(in.Urgency, 20)+" urgency")
	}
	if in.Priority != "" {
		parts = append(parts, quote(in.Priority, 20))
	}
	if !in.OpenedAt.IsZero() {
		parts = append(parts, slackTime(in.OpenedAt, v.Zone))
	}
	label := "PagerDuty"
	if in.Number > 0 {
		label = fmt.Sprintf("PagerDuty #%d", in.Number)
	}
	return strings.Join(append(parts, link(in.URL, label)), " · ")
}

// standing says who has it, or who has asked to.
func standing(v View) string {
	in := v.Incident
	by := func(name string) string {
		if name == "" {
			return ""
		}
		return " by " + quote(name, 80)
	}
	switch {
	case in.Status == incidents.Resolved:
		return fmt.Sprintf("Resolved%s at %s, after %s", by(in.ResolvedBy), clock(in.ResolvedAt, in.OpenedAt, v.Zone), span(in.ResolvedAt.Sub(in.OpenedAt)))
	case v.Asked[incidents.CallResolve] != "":
		return "⏳ Resolving for " + quote(v.Asked[incidents.CallResolve], 80) + " …"
	case in.Status == incidents.Acknowledged:
		who, at := in.LastAcknowledgement()
		return fmt.Sprintf("Acknowledged%s at %s", by(who), clock(at, in.OpenedAt, v.Zone))
	case v.Asked[incidents.CallAcknowledge] != "":
		return "⏳ Acknowledging for " + quote(v.Asked[incidents.CallAcknowledge], 80) + " …"
	}
	return ""
}

// flatly is what was said last of the errors after the restore, or since when they are flat.
func flatly(v View) string {
	if v.back().is { // what was said of the restore's success is over
		return ""
	}
	if v.judged() && v.Told != "" {
		return v.Told
	}
	if v.Incident.FlatAt.IsZero() || v.Restore != nil && v.Restore.RequestedAt.After(v.Incident.FlatAt) { // errors are not judged after that one
		return ""
	}
	return "✅ Errors are flat since " + clock(v.Incident.FlatAt, v.Incident.OpenedAt, v.Zone)
}

// containers has one section for each; all but the first carry their Restore button themselves.
func containers(v View) []slack.Block {
	var out []slack.Block
	if v.Suspects && len(v.Containers) > 0 {
		out = append(out, section("No container names this service. Deployed last:"))
	}
	for i, c := range v.Containers {
		told := append([]string{deployLine(v, c), sinceLine(v, c), errorsLine(v, c)}, conditionLines(v, c)...)
		s := section(lines(maxSection, append(told, wayOutLine(v, c), sharedLine(v, c))...))
		if best, ok := c.Best(); i > 0 && ok && offering(v) {
			label := fmt.Sprintf("Restore %s (%s)", best.Snapshot.Name, c.Container.Called())
			s.Accessory = slack.NewAccessory(restoreButton(label, v.Incident.ID, c.Container, best).WithStyle(slack.StyleDefault))
		}
		out = append(out, s)
	}
	return out
}

// offering says whether restores may be offered now.
func offering(v View) bool {
	if !v.Incident.Open() || v.Restore == nil {
		return v.Incident.Open()
	}
	return v.Restore.State.Final() && !v.inPlace()
}

// inPlace says that a restore has worked and is what runs now.
func inPlace(r *restore.Restore) bool {
	return r != nil && r.State == restore.Verified && r.Kind == restore.Restoring && r.UndoneByID == 0
}

func deployLine(v View, c ContainerView) string {
	name := ""
	if len(v.Containers) > 1 || v.Suspects {
		name = "*" + quote(c.Container.Called(), 100) + "* · "
	}
	if c.Deploy == nil {
		return name + "No deploy seen; " + quote(c.Container.Called(), 100) + " runs " + quote(c.Container.Image, 120)
	}
	return name + "Last deploy " + when(v, *c.Deploy) + togetherWith(c) + rolledBack(v, c) + ": " + changed(*c.Deploy)
}

// rolledBack says that the deploy is no longer what runs.
func rolledBack(v View, c ContainerView) string {
	if c.Undone == nil {
		return ""
	}
	return " was rolled back at " + clock(c.Undone.At, v.Incident.OpenedAt, v.Zone) + " to " + quote(c.Undone.By, 64) + leftBehind(c) + ". It had changed"
}

// sinceLine tells of a deploy after the alert, such as a fix that did not help.
func sinceLine(v View, c ContainerView) string {
	if c.Since == nil {
		return ""
	}
	return "Deployed since, " + when(v, *c.Since) + ": " + changed(*c.Since)
}

// changed is what a deploy has changed, quoted.
func changed(d snapshot.Deploy) string {
	what := changesLine(d.Changes)
	if what == "" {
		what = imageChange(d.Before, d.After)
	}
	return quote(what, 600)
}

func when(v View, d snapshot.Deploy) string {
	opened := v.Incident.OpenedAt
	if opened.IsZero() {
		return d.At.In(v.Zone).Format("Jan 2 15:04")
	}
	side := "before"
	ago := max(0, opened.Sub(d.Came()))
	if after(d, opened) {
		ago, side = d.Came().Sub(opened), "after the alert"
	}
	return fmt.Sprintf("%s (%s %s)", clock(d.Came(), opened, v.Zone), span(ago), side)
}

// carriesLine says why there is no button for what the bot depends on.
func carriesLine(c snapshot.Container) string {
	return quote(c.Called(), 100) + " is neither kept nor restored by me: " + quote(c.Carries, 200) + ". Deploy it as you deploy me"
}

// sharedLine warns of containers that run at once and count as one, since nobody sees that by the name of the button.
func sharedLine(v View, c ContainerView) string {
	why := c.Container.Shared()
	if why == "" || !offering(v) {
		return ""
	}
	return "⚠️ " + quote(why, 500)
}

// dueLine is there only when the container is visibly unwell.
func dueLine(c snapshot.Container) string {
	switch {
	case c.State != "" && c.State != "running":
		return "⚠️ " + quote(c.Called(), 100) + " is " + quote(c.State, 20)
	case c.Health == "unhealthy":
		return "⚠️ " + quote(c.Called(), 100) + " is unhealthy by its own check"
	}
	return ""
}

// changesLine is what changed in one line, image first. It is outside text: quote it.
func changesLine(all []snapshot.Change) string {
	const shown = 4
	var first, rest []string
	for _, c := range snapshot.Brief(all) {
		if c.Attribute == "image" {
			first = append(first, imageChange(c.Before, c.After))
		} else {
			rest = append(rest, cut(c.String(), 70))
		}
	}
	parts := append(first, rest...)
	if n := len(parts) - shown; n > 0 {
		parts = append(parts[:shown], fmt.Sprintf("%d more", n))
	}
	return strings.Join(parts, " · ")
}

// imageChange leaves the repository out when only the tag changed: image 1.41 → 1.42.
func imageChange(before, after string) string {
	repo, tag, ok := cutTag(before)
	repo2, tag2, ok2 := cutTag(after)
	switch {
	case before == after:
		return "same image name"
	case ok && ok2 && repo == repo2:
		return "image " + cut(tag, 60) + " → " + cut(tag2, 60)
	case before == "":
		return "image " + cut(after, 120)
	}
	return "image " + cut(before, 120) + " → " + cut(after, 120)
}

// cutTag splits shop:1.41; a colon before a slash belongs to a registry's port.
func cutTag(ref string) (repo, tag string, ok bool) {
	i := strings.LastIndexByte(ref, ':')
	if i < 0 || strings.ContainsAny(ref[i:], "/@") || strings.Contains(ref, "@") {
		return ref, "", false
	}
	return ref[:i], ref[i+1:], true
}

// cut shortens outside text that has not been escaped yet.
func cut(s string, limit int) string {
	runes := []rune(oneLine(s))
	if len(runes) <= limit {
		return string(runes)
	}
	return string(runes[:limit-1]) + "…"
}

// restoreLine is how far the restore is, or how it has ended.
func restoreLine(v View) string {
	r := *v.Restore
	if d := v.deployedSince(r); d != nil {
		return r.Replaced(*d)
	}
	return r.Sentence(r.State)
}

// fallback is the message in one line, as a lock screen shows it.
func fallback(v View) string {
	in := v.Incident
	text := quote(headline(in), 300)
	if in.Service != "" {
		text += " · " + quote(in.Service, 100)
	}
	switch {
	case in.Status == incidents.Resolved:
		text += " · resolved"
	case v.back().is:
		text += " · " + backLine(v, v.back())
	case v.Restore != nil:
		text += " · " + quote(restoreLine(v), 400)
	case len(v.Containers) > 0 && !v.Suspects:
		text += " · " + deployLine(v, v.Containers[0])
	}
	return clip(text, maxFallback)
}
