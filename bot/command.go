package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

const help = "*What I understand*\n" +
	"• `/snapback status`: open incidents, what is on hold, whose errors are up\n" +
	"• `/snapback list`: the containers that I watch\n" +
	"• `/snapback snapshots <container>`: what can be restored\n" +
	"• `/snapback restore <container> <snapshot>`: shows what would happen, and asks\n" +
	"• `/snapback signin`: a link that lets this phone into the console, for you alone\n" +
	"• `/snapback help`: this"

// command carries out what was typed after /snapback. Nothing typed acts by itself: a restore is asked for with the
// button that the answer has.
func (h *handling) command(ctx context.Context) error {
	words := typedWords(h.in.Text)
	if len(words) == 0 {
		return h.show(ctx, "Help", help)
	}
	verb, meant := verbOf(words[0])
	words = words[1:]
	switch {
	case verb == "status" && len(words) == 0:
		return h.status(ctx)
	case verb == "list" && len(words) == 0:
		return h.list(ctx)
	case verb == "snapshots" && len(words) == 1:
		return h.snapshots(ctx, words[0])
	case verb == "signin" && len(words) == 0:
		return h.signin(ctx)
	case verb == "restore" && len(words) > 1:
		return h.restoreCommand(ctx, words[0], snapshotTyped(words[1:]))
	case meant != "":
		return h.show(ctx, "Help", "I don't know that. Did you mean `/snapback "+quote(strings.Join(append([]string{meant}, words...), " "), 200)+"`?", help)
	}
	return h.show(ctx, "Help", help)
}

// maxAnswer is of how many sections a command's answer has at most.
const maxAnswer = 6

// show answers with lines, which are mrkdwn.
func (h *handling) show(ctx context.Context, title string, all ...string) error {
	h.say(ctx, Rendering{Text: title, Blocks: sections(maxAnswer, all)})
	return nil
}

func (h *handling) status(ctx context.Context) error {
	open, err := h.Incidents.OpenIncidents(ctx, nil)
	if err != nil {
		return err
	}
	var out []string
	if len(open) == 0 {
		out = append(out, "No incident is open.")
	}
	for _, in := range open[:min(len(open), 20)] {
		label := fmt.Sprintf("#%d %s", in.Number, quote(in.Title, 120))
		line := mark(in) + " " + link(in.URL, strings.ReplaceAll(label, "|", "¦")) + " · " + quote(in.Service, 80) + " · " + string(in.Status)
		who, _ := in.LastAcknowledgement()
		out = append(out, line+byWhom(who))
	}
	out = append(out, leftOut(len(open)-20, "open incidents")...)
	held, err := h.held(ctx)
	if err != nil {
		return err
	}
	out = append(append(out, held...), h.spikes(ctx)...)
	return h.show(ctx, "Status", append(out, h.labelFaults(ctx)...)...)
}

// leftOut is a line that says how many of a list are left out, if any are.
func leftOut(n int, what string) []string {
	if n <= 0 {
		return nil
	}
	return []string{fmt.Sprintf("… and %d more %s", n, what)}
}

// labelFaults are the labels that somebody has to put right. That the engine does not answer is told elsewhere.
func (h *handling) labelFaults(ctx context.Context) (out []string) {
	all, err := h.Containers.List(ctx)
	if err != nil {
		return nil
	}
	for _, c := range all {
		out = append(out, wrongLabels(c)...)
	}
	if h.Labels != nil {
		others, err := h.Labels.Mislabelled(ctx)
		if err != nil {
			h.log.Warn("looking at the labels of other containers", "err", err)
		}
		for _, fault := range others {
			out = append(out, "⚠️ "+quote(fault, 300))
		}
	}
	if n := len(out) - 10; n > 0 {
		out = append(out[:10], fmt.Sprintf("… and %d more labels: `snapback doctor` tells all", n))
	}
	return out
}

// wrongLabels are those of one container, as it runs.
func wrongLabels(c snapshot.Container) (out []string) {
	if c.State == "gone" {
		return nil
	}
	if c.Carries != "" {
		out = append(out, "ℹ️ "+carriesLine(c))
	}
	for _, wrong := range c.Settings.Wrong {
		out = append(out, "⚠️ "+quote(c.Called(), 100)+": "+quote(wrong, 300))
	}
	return out
}

func (h *handling) list(ctx context.Context) error {
	all, err := h.Containers.List(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return h.show(ctx, "Containers", "I watch no container. Label one with `snapback.enable=true`.")
	}
	slices.SortFunc(all, func(x, y snapshot.Container) int {
		return cmp.Or(snapshot.CompareGone(x, y), strings.Compare(x.Name, y.Name))
	})
	var out []string
	for _, c := range all[:min(len(all), 40)] {
		line := "`" + quote(c.Called(), 100) + "` " + quote(c.Image, 120) + " · " + quote(c.State, 20)
		if c.Health != "" && c.Health != "healthy" {
			line += ", " + quote(c.Health, 20)
		}
		out = append(out, line)
	}
	if n := len(all) - 40; n > 0 {
		out = append(out, fmt.Sprintf("… and %d more", n))
	}
	return h.show(ctx, "Containers", out...)
}

func (h *handling) snapshots(ctx context.Context, ref string) error {
	c, err := h.named(ctx, ref)
	if err != nil {
		return err
	}
	offers, err := h.Offers.Offers(ctx, c, time.Time{}, 0)
	if err != nil {
		return err
	}
	if len(offers) == 0 {
		return h.show(ctx, "Snapshots", "No snapshot of "+quote(c.Called(), 120)+" is kept.")
	}
	out := []string{"Snapshots of *" + quote(c.Called(), 120) + "*, those to go back to first:"}
	for _, o := range offers[:min(len(offers), 30)] {
		out = append(out, h.snapshotLine(c, o))
	}
	out = append(out, leftOut(len(offers)-30, "snapshots")...)
	return h.show(ctx, "Snapshots", out...)
}

// snapshotLine is one kept state, and what restoring it would change from now.
func (h *handling) snapshotLine(c snapshot.Container, o restore.Offer) string {
	s, now := o.Snapshot, h.cfg.Now()
	line := fmt.Sprintf("`%s` %s · %s (%s ago)", quote(s.Name, 64), s.Reason, clock(s.CreatedAt, now, h.cfg.Zone), span(now.Sub(s.CreatedAt)))
	if !s.MissingSince.IsZero() {
		return line + " · can't be restored: its image is gone"
	}
	if what := o.Verdict(c); what != "" {
		line += " · " + quote(what, 200)
	}
	if what := changesLine(o.Changes); what != "" {
		line += " · would change: " + quote(what, 200)
	}
	return line
}

func (h *handling) restoreCommand(ctx context.Context, ref, name string) error {
	c, err := h.named(ctx, ref)
	if err == nil {
		err = reached(c)
	}
	if err != nil {
		return err
	}
	in, err := h.incidentOf(ctx, c)
	if err != nil {
		return err
	}
	if err := h.allowed(ctx, c, in, "restore"); err != nil {
		return err
	}
	return h.propose(ctx, c, value{Snapshot: name, Incident: in.ID})
}

// incidentOf is the newest open incident of the container's services; the zero incident when there is none.
func (h *handling) incidentOf(ctx context.Context, c snapshot.Container) (incidents.Incident, error) {
	if len(c.Settings.PagerDutyServices) == 0 {
		return incidents.Incident{}, nil
	}
	open, err := h.Incidents.OpenIncidents(ctx, c.Settings.PagerDutyServices)
	if err != nil || len(open) == 0 {
		return incidents.Incident{}, err
	}
	return open[0], nil
}

// named finds a container by name, service, or the engine's ID.
func (h *handling) named(ctx context.Context, ref string) (snapshot.Container, error) {
	all, err := h.Containers.List(ctx)
	if err != nil {
		return snapshot.Container{}, err
	}
	for _, match := range []func(snapshot.Container) bool{
		func(c snapshot.Container) bool { return c.Answers(ref) },
		func(c snapshot.Container) bool { return c.Service == ref },
		func(c snapshot.Container) bool { return snapshot.SameOrShort(c.ID, ref) },
		func(c snapshot.Container) bool { return sameTyped(c.Name, ref) || sameTyped(c.Called(), ref) },
		func(c snapshot.Container) bool { return sameTyped(c.Service, ref) },
	} {
		found := snapshot.Present(slices.DeleteFunc(slices.Clone(all), func(c snapshot.Container) bool { return !match(c) }))
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return snapshot.Container{}, ambiguous(found, ref)
		}
	}
	return snapshot.Container{}, unknownContainer(all, ref)
}

// ambiguous names those that answer, where typing their names is enough to tell them apart.
func ambiguous(found []snapshot.Container, ref string) error {
	var shown []string
	for _, c := range found {
		if c.Twin {
			shown = append(shown, "`"+quote(c.Called(), 100)+"`")
		}
	}
	if len(shown) < len(found) {
		return snapshot.ErrAmbiguous
	}
	return &denial{sentence: "Nothing was done: several engines have " + quote(ref, 100) + ". Say which one: " + strings.Join(shown, ", ") + "."}
}

func unknownContainer(all []snapshot.Container, ref string) error {
	var names, shown []string
	for _, c := range all {
		names = append(names, c.Called(), c.Service)
	}
	for _, c := range all[:min(len(all), 15)] {
		shown = append(shown, "`"+quote(c.Called(), 100)+"`")
	}
	if len(shown) == 0 {
		return &denial{sentence: "I watch no container. Label one with `snapback.enable=true`."}
	}
	return &denial{sentence: "I know no container " + quote(ref, 100) + "." + didYouMean(ref, names) + " There are: " + strings.Join(shown, ", ") + "."}
}
