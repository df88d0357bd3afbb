package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Held is what tidying has to know of a snapshot.
type Held struct {
	ID        int64
	Key       string
	Container string
	Name      string
	ImageID   string
	ImageRef  string
	Missing   bool
}

// LeftTag is a tag on the engine of a snapshot that is not kept.
type LeftTag struct {
	Key  string
	Name string // the snapshot's
	Ref  string
}

// missingStays is how long a snapshot is shown that can't be restored any more, so that people learn why.
const missingStays = 7 * 24 * time.Hour

// RetentionRules decide which snapshots of a container may go.
type RetentionRules struct {
	Keep     int           // how many stay
	MaxAge   time.Duration // older ones go; 0: none for its age
	Now      time.Time
	Referred map[int64]bool // by ID: those that an open incident refers to
	LongRun  time.Duration  // a state that ran for longer, without a spike or a restart loop, is a good one; 0: none is
	Gone     bool           // nothing runs any more
	Left     []string       // by the engine's IDs: containers that restores were made away from, which were no good state

	Same    func(a, b snapshot.Snapshot) bool // they hold the same; nil: no two do
	Running func(snapshot.Snapshot) bool      // it holds what runs now; nil: none does
}

// Surplus picks the snapshots of one container that may go; list is newest first, and so is the result. Never among them
// are those that are pinned, the newest pre-deploy, the newest baseline, the newest good state that is not what runs, and what an
// open incident refers to; of what is gone, all but the pinned ones go for their age. Of those of a reason that hold the same one
// after the other, the newest stays. One with an expiry of its own goes by that alone. Where the newest of a reason lacks the contents
// of its volumes, the newest one that has them stays as well.
func Surplus(list []snapshot.Snapshot, rules RetentionRules) []snapshot.Snapshot {
	var out []snapshot.Snapshot
	var stay int
	list = rules.merged(list)
	good, contents := rules.goodState(list), withContents(list)
	newest := map[snapshot.Reason]bool{}
	for i, s := range list {
		there := s.MissingSince.IsZero()
		first := there && !newest[s.Reason]
		newest[s.Reason] = newest[s.Reason] || there
		counts := there && !s.Pinned && s.ExpiresAt.IsZero() && s.Reason != snapshot.Baseline
		again := rules.successor(list, i) >= 0
		if counts && !again {
			stay++
		}
		held := i == good || contents[i] || first && (s.Reason == snapshot.PreDeploy || s.Reason == snapshot.Baseline)
		never := s.Pinned || rules.Referred[s.ID] || held && !rules.expired(s)
		if !never && (again || rules.over(s, counts && stay > rules.Keep)) {
			out = append(out, s)
		}
	}
	return out
}

// goodState is which of list is the newest good state that is not what runs now; -1 when there is none.
func (r RetentionRules) goodState(list []snapshot.Snapshot) int {
	return slices.IndexFunc(list, func(s snapshot.Snapshot) bool {
		return r.LongRun > 0 && s.RanFor >= r.LongRun && !s.Spiked && s.Unwell == "" && s.MissingSince.IsZero() && s.ExpiresAt.IsZero() &&
			!slices.Contains(r.Left, s.ContainerID) && (r.Running == nil || !r.Running(s))
	})
}

// withContents are those of list, by index, that stay for the contents of their volumes, since those after them of the same reason lack
// theirs: no archive could be made. What people asked for stays as they asked for it.
func withContents(list []snapshot.Snapshot) map[int]bool {
	lacking, out := map[snapshot.Reason]bool{}, map[int]bool{}
	done := map[snapshot.Reason]bool{snapshot.Manual: true, snapshot.Before: true}
	for i, s := range list {
		if done[s.Reason] || !s.MissingSince.IsZero() || !s.ExpiresAt.IsZero() {
			continue
		}
		done[s.Reason] = !s.LacksVolumes()
		out[i] = lacking[s.Reason] && done[s.Reason] && s.Volumes != nil
		lacking[s.Reason] = true
	}
	return out
}

// merged is list with what was seen of those that go for a newer one that holds the same.
func (r RetentionRules) merged(list []snapshot.Snapshot) []snapshot.Snapshot {
	list = slices.Clone(list)
	for i, s := range slices.Backward(list) { // the oldest first: it goes on from one to the next
		if n := r.successor(list, i); n >= 0 {
			list[n].RanFor = max(list[n].RanFor, s.RanFor)
		}
	}
	return list
}

// successor is which of list is the next newer one of the same reason, if it holds the same as the one with index i; -1 when it
// does not, or when one of the two is kept for a reason of its own.
func (r RetentionRules) successor(list []snapshot.Snapshot, i int) int {
	if r.Same == nil || !mayMerge(list[i]) {
		return -1
	}
	for n, newer := range slices.Backward(list[:i]) {
		if newer.Reason == list[i].Reason && mayMerge(newer) {
			if r.Same(newer, list[i]) {
				return n
			}
			return -1
		}
	}
	return -1
}

// mayMerge: what people asked for, and what has a life of its own, stays as it is.
func mayMerge(s snapshot.Snapshot) bool {
	return (s.Reason == snapshot.PreDeploy || s.Reason == snapshot.Scheduled) && !s.Pinned && s.ExpiresAt.IsZero() && s.MissingSince.IsZero()
}

// expired says that nothing runs any more, and that it is long ago that it did.
func (r RetentionRules) expired(s snapshot.Snapshot) bool {
	return r.Gone && r.MaxAge > 0 && r.Now.Sub(s.Seen()) > r.MaxAge
}

func (r RetentionRules) over(s snapshot.Snapshot, tooMany bool) bool {
	switch {
	case !s.MissingSince.IsZero():
		return r.Now.Sub(s.MissingSince) > missingStays
	case !s.ExpiresAt.IsZero():
		return !s.ExpiresAt.After(r.Now)
	case s.Reason == snapshot.Baseline:
		return true // only the newest one is needed
	}
	return tooMany || r.MaxAge > 0 && r.Now.Sub(s.Seen()) > r.MaxAge
}

// Chore is something that is done to an engine now and then.
type Chore struct {
	Name string // as the log has it when it fails, such as "removing surplus snapshots"
	Do   func(ctx context.Context, engine string) error
}

// tidy removes what may go, and finds images that somebody has removed.
func (w *Watcher) tidy(ctx context.Context) {
	engine, err := w.Engine.ID(ctx)
	if err != nil {
		return // the next look logs it
	}
	chores := w.Chores
	if w.leads() {
		chores = append(w.ownChores(), chores...)
	}
	for _, chore := range chores {
		if err := chore.Do(ctx, engine); err != nil && ctx.Err() == nil && !errors.Is(err, snapshot.ErrEngineAway) { // the next look logs that
			w.Logger.Error("tidying", "chore", chore.Name, "err", err)
		}
	}
}

// ownChores are those that one bot does for all.
func (w *Watcher) ownChores() []Chore {
	return []Chore{
		{"looking for missing images", w.findMissing},
		{"noting what runs well", w.seeWell},
		{"removing surplus snapshots", w.removeAllSurplus},
		{"removing tags that were left", w.removeTags},
		{"forgetting what is long gone", func(ctx context.Context, engine string) error { return w.Store.Sweep(ctx, engine, w.Forget) }},
	}
}

func (w *Watcher) removeAllSurplus(ctx context.Context, engine string) error {
	list, err := w.Store.KnownContainers(ctx, engine)
	if err != nil {
		return err
	}
	kept, err := w.Store.Kept(ctx, engine)
	if err != nil {
		return err
	}
	var errs error
	for _, c := range list {
		if c.Elsewhere || !w.mayHaveSurplus(c, kept[c.Key]) {
			continue
		}
		err := w.Store.Alone(ctx, c.Key, func(ctx context.Context) error { return w.removeSurplus(ctx, c) })
		if !errors.Is(err, snapshot.ErrElsewhere) {
			errs = errors.Join(errs, err)
		}
	}
	return errs
}

// mayHaveSurplus says whether a container may have too much, by what is known without a look at documents and incidents: for
// hundreds of containers that have nothing to remove, that look is most of what tidying costs. The rules that it leaves out let
// snapshots stay, and it takes states for the same that were not compared yet. So it never says no where there is something to remove.
func (w *Watcher) mayHaveSurplus(c snapshot.Container, list []snapshot.Snapshot) bool {
	return len(Surplus(list, w.plainRules(c, w.maybeSame))) > 0
}

// plainRules are the rules of retention that go by the list and the container alone.
func (w *Watcher) plainRules(c snapshot.Container, same func(a, b snapshot.Snapshot) bool) RetentionRules {
	return RetentionRules{Keep: c.Settings.Keep, MaxAge: w.MaxAge, Now: time.Now(), Gone: c.State == "gone", Same: same}
}

// removeSurplus removes what one container has too much of.
func (w *Watcher) removeSurplus(ctx context.Context, c snapshot.Container) error {
	list, err := w.Store.Snapshots(ctx, c.Key)
	if err != nil || len(list) == 0 {
		return err
	}
	referred, err := w.Store.Referred(ctx, c.Key)
	if err != nil {
		return err
	}
	rules, err := w.rulesFor(ctx, c, referred)
	if err != nil {
		return err
	}
	var errs error
	for _, s := range Surplus(list, rules) {
		errs = errors.Join(errs, w.removeOne(ctx, s, rules.merged(list), rules))
	}
	return errs
}

// removeOne removes a surplus snapshot. One that holds the same as a newer one leaves that what was seen of it; merged is the list
// with that.
func (w *Watcher) removeOne(ctx context.Context, s snapshot.Snapshot, merged []snapshot.Snapshot, rules RetentionRules) error {
	n := rules.successor(merged, slices.IndexFunc(merged, func(one snapshot.Snapshot) bool { return one.ID == s.ID }))
	if n < 0 {
		return w.drop(ctx, s, "there are newer ones")
	}
	newer := merged[n]
	if err := w.Store.SeenAs(ctx, newer.ID, newer.Seen(), newer.RanFor); err != nil {
		return err
	}
	return w.drop(ctx, s, newer.Name+" holds the same")
}

// drop removes a snapshot. One that a restore is using stays.
func (w *Watcher) drop(ctx context.Context, s snapshot.Snapshot, why string) error {
	err := w.Taker.Delete(ctx, s.Key, s.Name, w.self(why))
	if errors.Is(err, snapshot.ErrUnknownSnapshot) || errors.Is(err, snapshot.ErrInUse) {
		return nil
	}
	return err
}

func (w *Watcher) removeTags(ctx context.Context, engine string) error {
	left, err := w.Store.TagsLeft(ctx, engine)
	if err != nil {
		return err
	}
	var errs error
	for _, s := range left {
		err := w.Taker.RemoveTag(ctx, s.Key, s.Name, s.Ref)
		if !errors.Is(err, snapshot.ErrInUse) && !errors.Is(err, snapshot.ErrElsewhere) {
			errs = errors.Join(errs, err)
		}
	}
	return errs
}

// findMissing looks for snapshots whose image somebody has removed, and says so once, container by container.
func (w *Watcher) findMissing(ctx context.Context, engine string) error {
	held, err := w.Store.Held(ctx, engine)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	gone := map[string][]Held{}
	for _, s := range held {
		has, known := there[s.ImageID]
		if !known {
			if has, err = w.Engine.HasImage(ctx, s.ImageID); err != nil {
				return err
			}
			there[s.ImageID] = has
		}
		switch {
		case !has && !s.Missing:
			gone[s.Key] = append(gone[s.Key], s)
		case has && s.Missing:
			if _, err := w.Store.MarkMissing(ctx, s.ID, false); err != nil {
				return err
			}
		}
	}
	return w.sayMissing(ctx, gone)
}

func (w *Watcher) sayMissing(ctx context.Context, gone map[string][]Held) error {
	for _, list := range gone {
		ids, names := make([]int64, 0, len(list)), make([]string, 0, len(list))
		for _, s := range list {
			ids, names = append(ids, s.ID), append(names, s.Name)
		}
		if err := w.Store.MarkGone(ctx, ids, missingEntry(list[0].Container, names)); err != nil {
			return err
		}
	}
	return nil
}

func missingEntry(container string, names []string) incidents.Entry {
	details, _ := incidents.Details(map[string]any{"container": container, "snapshots": names}) // strings: always encodable
	summary := fmt.Sprintf("Snapshot %s of %s can't be restored any more: its image was removed from the engine", names[0], container)
	if len(names) > 1 {
		summary = fmt.Sprintf("%d snapshots of %s can't be restored any more, since their images were removed from the engine: %s",
			len(names), container, strings.Join(names, ", "))
	}
	return incidents.Entry{
		OccurredAt: time.Now(), Kind: incidents.KindSnapshotMissing, Actor: incidents.Self(), Source: incidents.Source{System: "snapback"},
		Summary: summary, Details: details,
	}
}
