package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

const (
	detailOffers   = 6  // snapshots of a container whose preflight is run for the details
	detailSections = 10 // of text about each container
)

// terminalAnswer is for one person's eyes: the link opens once. The text that notifications show doesn't have it. of is mrkdwn;
// noShell says why there are only logs.
func terminalAnswer(of, noShell, url string, until time.Time) Rendering {
	what := "The logs and a shell"
	if noShell != "" {
		what = "The logs"
	}
	text := fmt.Sprintf("%s of %s, for you alone: opens once, until %s.", what, of, until.Format("15:04"))
	if noShell != "" {
		text += "\nNo shell: " + noShell
	}
	blocks := []slack.Block{section(text)}
	if linkable(url) {
		blocks = []slack.Block{
			section(text + "\n" + link(url, "Open the terminal")),
			slack.NewActionBlock("", linkButton("Open terminal", url).WithStyle(slack.StylePrimary)),
		}
	}
	return Rendering{Text: text, Blocks: blocks}
}

// pick asks before another snapshot is restored, because a menu has no dialog of its own.
func (h *handling) pick(ctx context.Context, v value) error {
	in, c, err := h.subject(ctx, v)
	if err != nil {
		return err
	}
	if err := h.allowed(ctx, c, in, "restore"); err != nil {
		return err
	}
	return h.propose(ctx, c, v)
}

// propose shows what a restore would do, with the button that does it.
func (h *handling) propose(ctx context.Context, c snapshot.Container, v value) error {
	kept, err := h.Snapshots.Snapshots(ctx, c.Key)
	if err != nil {
		return err
	}
	s, ok := byName(kept, v.Snapshot)
	if !ok {
		return unknownSnapshot(kept, c.Called(), v.Snapshot)
	}
	o, err := h.Offers.Offer(ctx, c, s)
	if err != nil {
		return err
	}
	if !restorable(o) {
		return &restore.RefusedError{Reasons: o.WhyNot}
	}
	if !changing(c, o) && !v.Volumes {
		return &restore.AlreadyThereError{Container: c.Called(), Snapshot: s.Name}
	}
	if !v.Volumes {
		h.say(ctx, proposal(c, o, v.Incident))
		return nil
	}
	if !withVolumes(o) {
		return &restore.RefusedError{Reasons: volumesWhyNot(o)}
	}
	h.say(ctx, proposalWithVolumes(c, o, v.Incident, h.cfg.Zone))
	return nil
}

// unknownSnapshot names those that there are: a command may have been mistyped, and what a message shows may have gone.
func unknownSnapshot(kept []snapshot.Snapshot, container, name string) error {
	var names, shown []string
	for _, s := range kept {
		names = append(names, s.Name)
	}
	for _, name := range names[:min(len(names), 15)] {
		shown = append(shown, "`"+quote(name, 64)+"`")
	}
	if len(names) == 0 {
		return &denial{sentence: "Nothing was done: no snapshot of " + quote(container, 100) + " is kept."}
	}
	return &denial{sentence: "Nothing was done: " + quote(container, 100) + " has no snapshot " + quote(name, 64) + "." + didYouMean(name, names) + " There are: " + strings.Join(shown, ", ") + "."}
}

// byName finds a snapshot by its name, else by one that differs only in what a phone changes while it is typed.
func byName(kept []snapshot.Snapshot, name string) (snapshot.Snapshot, bool) {
	for _, same := range []func(snapshot.Snapshot) bool{
		func(s snapshot.Snapshot) bool { return s.Name == name },
		func(s snapshot.Snapshot) bool { return sameTyped(s.Name, name) },
	} {
		if i := slices.IndexFunc(kept, same); i >= 0 {
			return kept[i], true
		}
	}
	return snapshot.Snapshot{}, false
}

func proposal(c snapshot.Container, o restore.Offer, incident int64) Rendering {
	text := fmt.Sprintf("Restore %s to `%s`?", quote(c.Called(), 120), quote(o.Snapshot.Name, 64))
	long := []string{"*" + text + "*", quote(c.Called(), 120) + " is down for a moment; what runs now is kept, stopped, for Undo."}
	return Rendering{Text: text, Blocks: []slack.Block{
		section(lines(maxSection, append(long, consequences(o)...)...)),
		slack.NewActionBlock("", restoreButton("Restore "+o.Snapshot.Name, incident, c, o)),
	}}
}

// consequences are what is wrong with it, what will change, what doesn't come back, and what is recreated as well.
func consequences(o restore.Offer) []string {
	var out []string
	if !o.Running && o.Doubt != "" {
		out = append(out, "• ⚠️ "+quote(upperFirst(o.Doubt), 200))
	}
	if what := changesLine(o.Changes); what != "" {
		out = append(out, "• Changes: "+quote(what, 600))
	}
	for _, l := range o.Losses {
		out = append(out, "• Does not come back: "+quote(l, 300))
	}
	if len(o.Joined) > 0 {
		out = append(out, "• Recreated with it: "+quote(strings.Join(o.Joined, ", "), 500))
	}
	if len(o.Beside) > 0 {
		out = append(out, "• Runs beside it and stays: "+quote(strings.Join(o.Beside, ", "), 500))
	}
	return out
}

// details shows one person everything that has no place on a phone.
func (h *handling) details(ctx context.Context, v value) error {
	in, err := h.Incidents.Incident(ctx, v.Incident)
	if err != nil {
		return err
	}
	if err := h.here(ctx, in); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*h.cfg.Budget)
	defer cancel()
	view := View{Incident: in, Zone: h.cfg.Zone, whole: true}
	if err := h.fill(ctx, &view); err != nil {
		return err
	}
	last, err := h.Restores.LastRestores(ctx, in.ID)
	if err != nil {
		return err
	}
	view.Restore, view.Others = foremost(last)
	r := Rendering{Text: "Details of " + quote(headline(in), 300)}
	r.Blocks = append(r.Blocks, section("*"+r.Text+"*"))
	if view.Restore != nil {
		told := append([]string{progress(view)}, differences(*view.Restore)...)
		r.Blocks = append(r.Blocks, sections(detailSections, append(told, otherRestores(view)...))...)
	}
	for _, c := range view.Containers {
		r.Blocks = append(r.Blocks, h.detail(ctx, view, c)...)
	}
	r.Blocks = append(r.Blocks, h.mates(ctx, view)...)
	if view.More > 0 {
		r.Blocks = append(r.Blocks, note(moreContainers(view.More)))
	}
	h.say(context.WithoutCancel(ctx), r)
	return nil
}

func differences(r restore.Restore) []string {
	var out []string
	for _, d := range r.Unexpected() {
		out = append(out, fmt.Sprintf("• %s is %s; the snapshot had %s", quote(d.Attribute, 100), quote(d.Got, 150), quote(d.Want, 150)))
	}
	return out
}

// detail is one container: what its last deploy changed, and each snapshot with its button or why it has none.
func (h *handling) detail(ctx context.Context, v View, c ContainerView) []slack.Block {
	head := []string{fmt.Sprintf("*%s* runs %s, %s", quote(c.Container.Called(), 120), quote(c.Container.Image, 200), quote(c.Container.State, 20))}
	head = append(head, conditionDetails(c, v.Zone, h.mayReadLog(ctx, v, c))...)
	if c.Container.Carries != "" {
		head = append(head, "ℹ️ "+carriesLine(c.Container))
	}
	for _, wrong := range c.Container.Settings.Wrong {
		head = append(head, "⚠️ "+quote(wrong, 300))
	}
	if c.Deploy != nil {
		head = append(head, deployed("Last deploy", v, *c.Deploy)...)
	}
	if c.Since != nil {
		head = append(head, deployed("Deployed since,", v, *c.Since)...)
	}
	out := sections(detailSections, head)
	offers, err := h.Offers.Offers(ctx, c.Container, v.Incident.OpenedAt, detailOffers)
	if err != nil {
		return append(out, note("The snapshots could not be looked up: "+problem(err)))
	}
	for i, o := range offers[:min(detailOffers, len(offers))] {
		out = append(out, snapshotSection(v, c.Container, o, "Restore", i == 0))
	}
	if n := len(offers) - detailOffers; n > 0 {
		out = append(out, note(fmt.Sprintf("%d more: `/snapback snapshots %s`", n, quote(c.Container.Called(), 120))))
	}
	return out
}

// deployed is everything that a deploy has changed.
func deployed(what string, v View, d snapshot.Deploy) []string {
	out := []string{what + " " + when(v, d) + ":"}
	for _, change := range d.Changes {
		out = append(out, "• "+quote(change.String(), 300))
	}
	return out
}

// snapshotSection is one kept state: what it would change from now, and its button, if a restore would do anything. Only the
// first one's is red, and only if it is a way out.
func snapshotSection(v View, c snapshot.Container, o restore.Offer, label string, first bool) slack.Block {
	s := o.Snapshot
	head := fmt.Sprintf("`%s` · %s · %s", quote(s.Name, 64), quote(string(s.Reason), 20), s.CreatedAt.In(v.Zone).Format("Jan 2 15:04"))
	if s.Note != "" {
		head += " · " + quote(s.Note, 200)
	}
	if o.Running {
		head += "\n• " + upperFirst(o.Verdict(c))
	}
	if !restorable(o) {
		return section(lines(maxSection, head, "Can't be restored: "+quote(strings.Join(o.WhyNot, "; "), 800)))
	}
	out := section(lines(maxSection, append([]string{head}, consequences(o)...)...))
	if v.Incident.Status != incidents.Resolved && changing(c, o) && !nobodyMay(c) {
		b := restoreButton(label, v.Incident.ID, c, o)
		if !first || !o.WayOut() {
			b = b.WithStyle(slack.StyleDefault)
		}
		out.Accessory = slack.NewAccessory(b)
	}
	return out
}
