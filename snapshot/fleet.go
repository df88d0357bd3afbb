package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/snapback/snapback/access"
)

// LastSeen remembers containers.
type LastSeen interface {
	// KnownContainers lists those of an engine as they were last seen; "": of all engines.
	KnownContainers(ctx context.Context, engine string) ([]Container, error)
}

// Reached is an engine that this bot reaches.
type Reached struct {
	Called string   // what people call it; "": there is no other
	Silent *Silence // zero: that it did not answer is not remembered
	Containers
}

// Silence remembers that an engine let an alert wait in vain, so that the next alert does not wait as long.
type Silence struct {
	mu    sync.Mutex
	since time.Time // guarded by mu; zero: it has answered
}

const (
	silentPatience = 200 * time.Millisecond // how long an alert waits for an engine that was silent
	silenceFor     = 30 * time.Second       // after which it is waited for as any other
)

// patience is how long the engine is waited for, where others are asked as well.
func (s *Silence) patience(usual time.Duration) time.Duration {
	if s == nil {
		return usual
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.since) < silenceFor {
		return min(usual, silentPatience)
	}
	return usual
}

// note says whether it was waited for in vain. A silence counts from when it began.
func (s *Silence) note(silent bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !silent:
		s.since = time.Time{}
	case time.Since(s.since) >= silenceFor:
		s.since = time.Now()
	}
}

// Fleet is the enabled containers: as their engines show them now, and those that are gone as they were last seen, because
// their snapshots can still be restored. Those that other bots look after, on these engines or other ones, are as those have
// last seen them. So are those of an engine that does not answer while others do.
type Fleet struct {
	Engines  []Reached
	Now      func() []Reached // where more are found while the bot runs: those that there are, in place of Engines; nil: none are
	LastSeen LastSeen
	Forget   time.Duration // how long one that is gone is shown; 0: for ever
}

// now is the fleet with the engines that there are.
func (f Fleet) now() Fleet {
	if f.Now != nil {
		f.Engines, f.Now = f.Now(), nil
	}
	return f
}

// Containers lists those that this bot looks after. It returns ErrEngineAway when no engine answers.
func (f Fleet) Containers(ctx context.Context) ([]Container, error) {
	f = f.now()
	patience := time.Duration(0)
	if len(f.Engines) > 1 { // one that hangs must not keep the others from being listed
		patience = othersPatience
	}
	all, _, err := f.all(ctx, patience)
	return slices.DeleteFunc(all, func(c Container) bool { return c.Elsewhere }), err
}

// othersPatience is how long an engine may take to answer where others are asked as well.
const othersPatience = 10 * time.Second

// all lists everything, and returns what the engines have said. An engine may take as long as patience; 0: as long as ctx.
func (f Fleet) all(ctx context.Context, patience time.Duration) ([]Container, []answer, error) {
	answers := f.ask(ctx, patience)
	if !slices.ContainsFunc(answers, func(a answer) bool { return a.err == nil }) {
		return nil, answers, firstFault(answers)
	}
	known, err := f.LastSeen.KnownContainers(ctx, "")
	if err != nil {
		return nil, answers, err
	}
	var all []Container
	for _, a := range answers {
		all = append(all, a.list...)
	}
	for _, c := range known {
		if slices.ContainsFunc(all, func(r Container) bool { return r.Key == c.Key }) {
			continue
		}
		if !c.Elsewhere && !lastSeen(&c, answers) {
			continue
		}
		all = append(all, c)
	}
	return f.goneLast(twins(all)), answers, nil
}

// firstFault is why none has answered.
func firstFault(answers []answer) error {
	if len(answers) == 0 {
		return fmt.Errorf("%w: there is none", ErrEngineAway)
	}
	return answers[0].err
}

// remembered lists what was last seen, when no engine answers: without what is of engines that no bot reaches.
func (f Fleet) remembered(ctx context.Context, answers []answer) ([]Container, error) {
	known, err := f.LastSeen.KnownContainers(ctx, "")
	var all []Container
	for _, c := range known {
		if c.Elsewhere || lastSeen(&c, answers) {
			c.Away = c.Away && len(f.Engines) > 1 // else nothing is to be told apart
			all = append(all, c)
		}
	}
	return f.goneLast(twins(all)), err
}

// answer is what one engine says.
type answer struct {
	called, id string // id is "" while nobody knows it
	list       []Container
	err        error
}

func (f Fleet) ask(ctx context.Context, patience time.Duration) []answer {
	answers := make([]answer, len(f.Engines))
	var all sync.WaitGroup
	for i, e := range f.Engines {
		all.Go(func() { answers[i] = e.answer(ctx, patience, len(f.Engines) > 1) })
	}
	all.Wait()
	return answers
}

func (r Reached) answer(ctx context.Context, patience time.Duration, others bool) answer {
	a, whole := answer{called: r.Called}, ctx
	if others && patience == enginePatience {
		patience = r.Silent.patience(patience)
	}
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	list := r.List
	if patience > 0 {
		list = func(ctx context.Context) ([]Container, error) { return InTime(ctx, r.List) }
	}
	a.list, a.err = list(ctx)
	if a.err == nil {
		a.id, a.err = r.ID(ctx)
	}
	if whole.Err() == nil { // else nobody has waited for it to the end
		r.Silent.note(ctx.Err() != nil)
	}
	if a.err != nil {
		if ctx.Err() != nil {
			a.err = fmt.Errorf("%w: %w", ErrEngineAway, a.err)
		}
		a.list = nil
		a.id, _ = r.ID(ctx) // which it may have told before
	}
	for i := range a.list {
		a.list[i].On = a.called
	}
	return a
}

// lastSeen completes a container that no engine has shown: it is gone from one that answers, and as it was last seen on one that does
// not. It returns false for one of an engine that no bot reaches. While an engine has not told which one it is, it may be that.
func lastSeen(c *Container, answers []answer) bool {
	i := slices.IndexFunc(answers, func(a answer) bool { return a.id == c.Engine })
	if i < 0 {
		i = slices.IndexFunc(answers, func(a answer) bool { return a.id == "" })
		c.Away = i >= 0
		return i >= 0
	}
	c.On = answers[i].called
	switch {
	case c.Gone():
	case answers[i].err != nil:
		c.Away = true
		return true
	}
	if c.State = "gone"; c.GoneAt.IsZero() { // the watch has not noted it yet
		c.GoneAt = time.Now()
	}
	return true
}

// twins marks those whose name stands on several engines.
func twins(all []Container) []Container {
	for i, c := range all {
		all[i].Twin = slices.ContainsFunc(all, func(o Container) bool { return o.Name == c.Name && o.Engine != c.Engine })
	}
	return all
}

// goneLast puts those last that are gone, and leaves out those that have been for long. Their snapshots stay for as long as the
// others' do.
func (f Fleet) goneLast(all []Container) []Container {
	all = slices.DeleteFunc(all, func(c Container) bool {
		return f.Forget > 0 && c.Gone() && !c.GoneAt.IsZero() && time.Since(c.GoneAt) > f.Forget
	})
	slices.SortStableFunc(all, CompareGone)
	return all
}

// CompareGone orders those that are there before those that are gone.
func CompareGone(a, b Container) int { return ahead(a.Gone(), b.Gone()) }

// Gone says that the container was seen, and is not there any more.
func (c Container) Gone() bool { return c.State == "gone" }

// returnsWithin is how long one that is gone from an engine may still be on its way back: a deploy, or somebody who makes it anew.
const returnsWithin = 10 * time.Minute

// Present leaves out those that are gone, if there are others: on their engine at once, on another one after a while. Until then, nobody
// knows whether the one that is gone was meant, and not the other engine's.
func Present(list []Container) []Container {
	return slices.DeleteFunc(slices.Clone(list), func(gone Container) bool {
		settled := time.Since(gone.GoneAt) > returnsWithin
		return gone.Gone() && slices.ContainsFunc(list, func(c Container) bool { return !c.Gone() && (settled || c.Engine == gone.Engine) })
	})
}

// GoneSince leaves out those that were gone before a moment, or for whom another one of the list seems to have come, on their engine, that
// people call the same, if there are others.
func GoneSince(list []Container, at time.Time) []Container {
	followed := func(gone Container) bool {
		return slices.ContainsFunc(list, func(c Container) bool {
			return !c.Gone() && c.Engine == gone.Engine && c.Service == gone.Service && c.CreatedAt.After(gone.GoneAt.Add(-earlyEnd))
		})
	}
	out := slices.DeleteFunc(slices.Clone(list), func(c Container) bool { return c.Gone() && (c.GoneAt.Before(at) || followed(c)) })
	if !slices.ContainsFunc(out, func(c Container) bool { return !c.Gone() }) {
		return list
	}
	return out
}

// enginePatience is how long an alert waits for the engines' word.
const enginePatience = 1500 * time.Millisecond

// List lists all that bots look after, and what was last seen when no engine answers in time, or all deny it: an alert
// has to be posted all the same.
func (f Fleet) List(ctx context.Context) ([]Container, error) {
	f = f.now()
	list, answers, err := f.all(ctx, enginePatience)
	if ctx.Err() == nil && (errors.Is(err, ErrEngineAway) || errors.Is(err, ErrEngineDenied)) {
		return f.remembered(ctx, answers)
	}
	return list, err
}

// Claimed implements access.Containers.
func (f Fleet) Claimed(ctx context.Context, service string) (bool, error) {
	list, err := f.List(ctx)
	return slices.ContainsFunc(list, func(c Container) bool { return c.Settings.Names(service) }), err
}

// LabelsOf implements access.Containers; the name is what Called returned once. It tells a container that is being replaced from one that has lost its label.
func (f Fleet) LabelsOf(ctx context.Context, key, name string) (access.Labels, bool, error) {
	e, err := f.of(ctx, key)
	if errors.Is(err, ErrUnknownContainer) {
		return access.Labels{}, false, nil
	}
	if err != nil {
		return access.Labels{}, false, err
	}
	c, ok, err := e.running(ctx, key)
	if ok || err != nil {
		return c.Settings.Labels, ok, err
	}
	now, err := e.Inspect(ctx, Bare(name))
	switch {
	case errors.Is(err, ErrUnknownContainer):
		return access.Labels{}, false, nil
	case err == nil && !now.Enabled:
		err = access.ErrNotEnabled
	}
	return access.Labels{}, false, err
}

// Resolve is the engine's ID of the container that stands under an identity now. It returns ErrUnknownContainer.
func (f Fleet) Resolve(ctx context.Context, key string) (string, error) {
	e, err := f.of(ctx, key)
	if err != nil {
		return "", err
	}
	c, ok, err := e.running(ctx, key)
	if err == nil && !ok {
		err = ErrUnknownContainer
	}
	return c.ID, err
}

// of is the engine that a container's key begins with. See KeyOwner for its errors.
func (f Fleet) of(ctx context.Context, key string) (Reached, error) {
	return KeyOwner(ctx, f.now().Engines, key)
}

func (r Reached) running(ctx context.Context, key string) (c Container, ok bool, err error) {
	list, err := r.List(ctx)
	if err != nil {
		return Container{}, false, err
	}
	i := slices.IndexFunc(list, func(c Container) bool { return c.Key == key })
	if i < 0 {
		return Container{}, false, nil
	}
	return list[i], true, nil
}
