package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/snapshot"
)

// What one deploy changes is more than one container, or service, where they are of one Compose project or stack: putting one of them
// back may not be enough, and the others are for people to choose.

// Mate is a container that was deployed in the same deploy as another one.
type Mate struct {
	Container snapshot.Container
	Deploy    snapshot.Deploy
}

// stands says that what the deploy has brought is what runs.
func (m Mate) stands() bool { return m.Container.ID == m.Deploy.AfterID && !m.Container.Gone() }

// together looks up what was deployed in the same deploy as each of the list. Who is not among all is nobody's concern any more.
func (b *Bot) together(ctx context.Context, all []snapshot.Container, list []ContainerView) error {
	var of []snapshot.Deploy
	for _, c := range list {
		if c.Deploy != nil {
			of = append(of, *c.Deploy)
		}
	}
	if len(of) == 0 {
		return nil
	}
	found, err := b.Deploys.Together(ctx, of...)
	for i := range list {
		if c := &list[i]; c.Deploy != nil {
			c.With = matesAmong(all, found[c.Deploy.ID])
		}
	}
	return err
}

func matesAmong(all []snapshot.Container, deploys []snapshot.Deploy) (out []Mate) {
	for _, d := range deploys {
		if i := slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Key == d.Key }); i >= 0 {
			out = append(out, Mate{all[i], d})
		}
	}
	slices.SortFunc(out, func(x, y Mate) int { return strings.Compare(x.Container.Called(), y.Container.Called()) })
	return out
}

func called(mates []Mate) (names []string) {
	for _, m := range mates {
		names = append(names, m.Container.Called())
	}
	return names
}

// togetherWith names what was deployed with it, to follow when it was. Of a deploy that was undone, rolledBack does.
func togetherWith(c ContainerView) string {
	if len(c.With) == 0 || c.Undone != nil {
		return ""
	}
	return " together with " + quote(snapshot.Names(called(c.With)), 200)
}

// leftBehind names what was deployed with it and still runs, to follow that it was rolled back.
func leftBehind(c ContainerView) string {
	left := called(slices.DeleteFunc(slices.Clone(c.With), func(m Mate) bool { return !m.stands() }))
	if len(left) == 0 {
		return ""
	}
	return "; not so " + quote(snapshot.Names(left), 200) + ", deployed together with it: see Details"
}

// maxMates is how many of them the details show.
const maxMates = 6

// mates are those that were deployed with what the view shows, and are not shown themselves: each with what it had changed, and the
// button of the state from before.
func (h *handling) mates(ctx context.Context, v View) (out []slack.Block) {
	told := map[string]bool{}
	for _, c := range v.Containers {
		told[c.Container.Key] = true
	}
	left := 0
	for _, c := range v.Containers {
		for _, m := range c.With {
			if told[m.Container.Key] {
				continue
			}
			told[m.Container.Key] = true
			if len(told) > len(v.Containers)+maxMates {
				left++
				continue
			}
			out = append(out, h.mate(ctx, v, m, c.Container)...)
		}
	}
	if left > 0 {
		out = append(out, note(fmt.Sprintf("%d more were deployed with it: `/snapback list`", left)))
	}
	return out
}

// mate is one of them.
func (h *handling) mate(ctx context.Context, v View, m Mate, with snapshot.Container) []slack.Block {
	name := quote(m.Container.Called(), 120)
	head := fmt.Sprintf("*%s* was deployed together with %s", name, quote(with.Called(), 120))
	out := sections(detailSections, append([]string{head}, deployed("Deployed", v, m.Deploy)...))
	offered, why := h.before(ctx, v, m)
	if why != "" {
		return append(out, note(why))
	}
	return append(out, offered)
}

// before is the state from before a mate's deploy, with its button, or why there is none.
func (h *handling) before(ctx context.Context, v View, m Mate) (s slack.Block, whyNot string) {
	switch c := m.Container; {
	case !m.stands():
		return nil, "What that deploy had brought runs no longer: `/snapback snapshots " + quote(c.Called(), 120) + "`"
	case m.Deploy.Snapshot == "":
		return nil, "Nothing from before that deploy is kept"
	}
	kept, err := h.Snapshots.Snapshots(ctx, m.Container.Key)
	if err != nil {
		return nil, "The snapshots could not be looked up: " + problem(err)
	}
	i := slices.IndexFunc(kept, func(s snapshot.Snapshot) bool { return s.Name == m.Deploy.Snapshot })
	if i < 0 {
		return nil, "Nothing from before that deploy is kept any more"
	}
	o, err := h.Offers.Offer(ctx, m.Container, kept[i])
	if err != nil {
		return nil, "The snapshots could not be looked up: " + problem(err)
	}
	return snapshotSection(v, m.Container, o, "Restore "+m.Container.Called(), false), ""
}
