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
)

const (
	detailOffers  = 6 // snapshots of a container whose preflight is run for the details
	detailChanges = 40
)

// terminalAnswer is for one person's eyes: the link opens once. The text that notifications show doesn't have it.
func terminalAnswer(c snapshot.Container, mode, url string, until time.Time) Rendering {
	what := "The logs"
	if mode == ModeShell {
		what = "The logs and a shell"
	}
	text := fmt.Sprintf("%s of %s, for you alone: opens once, until %s.", what, quote(c.Name, 120), until.Format("15:04"))
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
	in, err := h.open(ctx, v.Incident)
	if err != nil {
		return err
	}
	c, err := h.container(ctx, v.Key)
	if err != nil {
		return err
	}
	if err := h.allowed(ctx, c.Settings.RestoreAllow, c, in, "restore"); err != nil {
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
		return snapshot.ErrUnknownSnapshot
	}
	o, err := h.Offers.Offer(ctx, c, s)
	if err != nil {
		return err
	}
	if !restorable(o) {
		return &snapshot.RefusedError{Reasons: o.WhyNot}
	}
	deploy, err := h.containerView(ctx, c)
	if err != nil {
		return err
	}
	if !v.Volumes {
		h.say(ctx, proposal(c, o, deploy.Deploy, v.Incident))
		return nil
	}
	if !withVolumes(o) {
		return &snapshot.RefusedError{Reasons: volumesWhyNot(o)}
	}
	h.say(ctx, proposalWithVolumes(c, o, deploy.Deploy, v.Incident, h.cfg.Zone))
	return nil
}

func byName(kept []snapshot.Snapshot, name string) (snapshot.Snapshot, bool) {
	for _, s := range kept {
		if s.Name == name {
			return s, true
		}
	}
	return snapshot.Snapshot{}, false
}

func proposal(c snapshot.Container, o snapshot.Offer, d *snapshot.Deploy, incident int64) Rendering {
	text := fmt.Sprintf("Restore %s to `%s`?", quote(c.Name, 120), quote(o.Snapshot.Name, 64))
	long := []string{"*" + text + "*", quote(c.Name, 120) + " is down for a moment; what runs now is kept, stopped, for Undo."}
	return Rendering{Text: text, Blocks: []slack.Block{
		section(lines(maxSection, append(long, consequences(o, d)...)...)),
		slack.NewActionBlock("", restoreButton("Restore "+o.Snapshot.Name, incident, c, o, d)),
	}}
}

// backwards is what a restore does with a deploy's changes.
func backwards(changes []snapshot.Change) []snapshot.Change {
	out := slices.Clone(changes)
	for i := range out {
		out[i].Before, out[i].After = out[i].After, out[i].Before
	}
	return out
}

// consequences are what is wrong with it, what doesn't come back, what is recreated as well, and what is taken back.
func consequences(o snapshot.Offer, d *snapshot.Deploy) []string {
	var out []string
	if o.Snapshot.Unwell != "" {
		out = append(out, "• ⚠️ When it was taken, "+quote(o.Snapshot.Unwell, 200))
	}
	for _, l := range o.Losses {
		out = append(out, "• Does not come back: "+quote(l, 300))
	}
	if len(o.Joined) > 0 {
		out = append(out, "• Recreated with it: "+quote(strings.Join(o.Joined, ", "), 500))
	}
	if d != nil && d.Snapshot == o.Snapshot.Name {
		for _, c := range backwards(d.Changes[:min(len(d.Changes), 15)]) {
			out = append(out, "• Takes back: "+quote(c.String(), 200))
		}
	}
	return out
}

// details shows one person everything that has no place on a phone.
func (h *handling) details(ctx context.Context, v value) error {
	in, err := h.Incidents.Incident(ctx, v.Incident)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*h.cfg.Budget)
	defer cancel()
	view := View{Incident: in, Zone: h.cfg.Zone}
	if err := h.fill(ctx, &view); err != nil {
		return err
	}
	last, ok, err := h.Restores.LatestRestore(ctx, in.ID)
	if err != nil {
		return err
	}
	r := Rendering{Text: "Details of " + quote(headline(in), 300)}
	r.Blocks = append(r.Blocks, section("*"+r.Text+"*"))
	if ok {
		view.Restore = &last
		r.Blocks = append(r.Blocks, section(lines(maxSection, append([]string{progress(view)}, differences(last)...)...)))
	}
	for _, c := range view.Containers {
		r.Blocks = append(r.Blocks, h.detail(ctx, view, c)...)
	}
	r.Blocks = r.Blocks[:min(len(r.Blocks), maxMessageBlocks)]
	h.say(context.WithoutCancel(ctx), r)
	return nil
}

func differences(r snapshot.Restore) []string {
	var out []string
	for _, d := range r.Unexpected() {
		out = append(out, fmt.Sprintf("• %s is %s; the snapshot had %s", quote(d.Attribute, 100), quote(d.Got, 150), quote(d.Want, 150)))
	}
	return out
}

// detail is one container: what its last deploy changed, and each snapshot with its button or why it has none.
func (h *handling) detail(ctx context.Context, v View, c ContainerView) []slack.Block {
	head := []string{fmt.Sprintf("*%s* runs %s, %s", quote(c.Container.Name, 120), quote(c.Container.Image, 200), quote(c.Container.State, 20))}
	if c.Deploy != nil {
		head = append(head, "Last deploy "+when(v, *c.Deploy)+":")
		for _, change := range c.Deploy.Changes[:min(len(c.Deploy.Changes), detailChanges)] {
			head = append(head, "• "+quote(change.String(), 300))
		}
	}
	for _, wrong := range c.Container.Settings.Wrong {
		head = append(head, "⚠️ "+quote(wrong, 300))
	}
	out := []slack.Block{section(lines(maxSection, head...))}
	kept, err := h.Snapshots.Snapshots(ctx, c.Container.Key)
	if err != nil {
		return append(out, note("The snapshots could not be looked up: "+problem(err)))
	}
	for _, s := range likeliest(kept, detailOffers) {
		out = append(out, h.detailOffer(ctx, v, c, s))
	}
	if n := len(kept) - detailOffers; n > 0 {
		out = append(out, note(fmt.Sprintf("%d older ones: `/snapback snapshots %s`", n, quote(c.Container.Name, 120))))
	}
	return out
}

func (h *handling) detailOffer(ctx context.Context, v View, c ContainerView, s snapshot.Snapshot) slack.Block {
	o, err := h.Offers.Offer(ctx, c.Container, s)
	if err != nil {
		o = snapshot.Offer{Snapshot: s, WhyNot: []string{"it could not be checked now"}}
	}
	return snapshotSection(v, c, o)
}

func snapshotSection(v View, c ContainerView, o snapshot.Offer) slack.Block {
	s := o.Snapshot
	head := fmt.Sprintf("`%s` · %s · %s", quote(s.Name, 64), quote(string(s.Reason), 20), s.CreatedAt.In(v.Zone).Format("Jan 2 15:04"))
	if s.Note != "" {
		head += " · " + quote(s.Note, 200)
	}
	if !restorable(o) {
		return section(lines(maxSection, head, "Can't be restored: "+quote(strings.Join(o.WhyNot, "; "), 800)))
	}
	out := section(lines(maxSection, append([]string{head}, losses(o)...)...))
	if v.Incident.Status != incidents.Resolved {
		out.Accessory = slack.NewAccessory(restoreButton("Restore", v.Incident.ID, c.Container, o, c.Deploy))
	}
	return out
}

func losses(o snapshot.Offer) []string { return consequences(o, nil) }
