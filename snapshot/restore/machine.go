package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// machine is one bot's run of one restore. Its methods are in the order in which the states are passed.
type machine struct {
	*Restorer
	lease *lease
	rest  Restore
	down  time.Time // when the old container was told to stop, if this run saw it
	began State     // in which this run has found the restore

	wasLate bool // an act may have reached the engine after the lease had run out; see mend.go
}

// work does what the current state stands for, and returns the state that follows. It returns an error only when
// the restore has to be taken up again later: the engine does not answer, another bot has it, the bot stops.
func (m *machine) work(ctx context.Context) (State, error) {
	works := map[State]func(context.Context) (State, error){
		Requested: m.requested,
		Preflight: m.preflight,
		Prepared:  m.prepare,
		Swapping:  m.swap,
		Started:   m.verify,
		Reverting: m.revert,
	}
	work, ok := works[m.rest.State]
	if !ok {
		return "", fmt.Errorf("no work for state %q", m.rest.State)
	}
	return work(ctx)
}

// advance writes the next state. Until it is written, nothing of that state's work is done.
func (m *machine) advance(ctx context.Context, next State) error {
	if !m.rest.State.May(next) {
		return fmt.Errorf("a restore can't go from %s to %s", m.rest.State, next)
	}
	then := m.rest
	then.Phases = append(slices.Clone(then.Phases), Phase{then.State, then.EnteredAt, time.Since(then.EnteredAt).Milliseconds()})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	rest, err := m.Journal.Advance(ctx, then, next, then.entry(next))
	if err != nil {
		return err
	}
	m.rest = rest
	if next.Final() {
		m.Observe(rest)
	}
	return nil
}

// act does one thing to the engine, if the lease allows. It outlives a bot that is told to stop: an engine that is
// told half a sentence is worse than one that is waited for.
func (m *machine) act(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	err, late := m.attempt(ctx, limit, do)
	if late && errors.Is(err, snapshot.ErrEngineAway) {
		return m.hung(ctx, err, limit)
	}
	return err
}

// peek is act for what only looks: it is asked again for as long as it takes.
func (m *machine) peek(ctx context.Context, limit time.Duration, look func(context.Context) error) error {
	err, _ := m.attempt(ctx, limit, look)
	return err
}

// attempt returns late when the limit is over.
func (m *machine) attempt(ctx context.Context, limit time.Duration, do func(context.Context) error) (err error, late bool) {
	swapping := m.rest.State == Swapping
	if ctx.Err() != nil && !swapping {
		return context.Cause(ctx), false
	}
	if err := m.lease.guard(context.WithoutCancel(ctx), swapping); err != nil {
		return err, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err = do(ctx)
	if left, lost := m.lease.state(); lost || left <= 0 {
		m.wasLate = true
	}
	return err, ctx.Err() != nil
}

// hung makes a verdict of an act that the engine has not done within its limit, twice, although it answers: it would be so
// the next time too, as with a process that can't be killed or a volume whose server is gone.
func (m *machine) hung(ctx context.Context, err error, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if m.Engine.Ping(ctx) != nil || m.hangs(m.rest.ID) < 2 {
		return err
	}
	return fmt.Errorf("the engine has not done it within %s, although it answers: %v", limit, err) // no more an engine that is away
}

// later says that err is no verdict on the restore: it has to be taken up again.
func later(err error) bool { return snapshot.Later(err) || errors.Is(err, ErrFenced) }

// giveUp is where a restore goes whose current work has failed for good.
func (m *machine) giveUp(err error) (State, error) {
	if later(err) {
		return "", err
	}
	m.rest.Error = err.Error()
	return Reverting, nil
}

func (m *machine) requested(context.Context) (State, error) { return Preflight, nil }

// preflight looks at everything that can fail, and plans the rest, while the broken container still runs.
func (m *machine) preflight(ctx context.Context) (State, error) {
	if time.Since(m.rest.RequestedAt) > m.Stale {
		return m.refuse("it was asked for too long ago: look again, and ask again")
	}
	var why []string
	err := m.peek(ctx, 20*time.Second, func(ctx context.Context) (err error) {
		why, err = m.plan(ctx)
		return err
	})
	if err == nil && len(why) == 0 {
		err = m.act(ctx, 10*time.Minute, func(ctx context.Context) (err error) {
			why, err = m.checkVolumes(ctx)
			return err
		})
	}
	if later(err) {
		return "", err
	}
	if err != nil {
		why = append(why, err.Error())
	}
	if len(why) > 0 {
		return m.refuse(why...)
	}
	return Prepared, nil
}

func (m *machine) refuse(why ...string) (State, error) {
	m.rest.WhyNot = why
	m.rest.Error = strings.Join(why, "; ")
	return Refused, nil
}

// prepare creates the replacement beside the running container, unless it is there already: an undo adopts the
// container that was set aside.
func (m *machine) prepare(ctx context.Context) (State, error) {
	if time.Since(m.rest.RequestedAt) > m.Stale {
		m.rest.Error = "it was asked for too long ago: look again, and ask again"
		return Reverting, nil
	}
	err := m.act(ctx, 5*time.Minute, m.keepJoined)
	if err == nil && m.rest.Plan.AdoptID == "" {
		limit := m.Act
		if m.rest.Plan.AutoRemove {
			limit = 10 * time.Minute // a commit comes first
		}
		err = m.act(ctx, limit, m.create)
	}
	if err != nil {
		return m.giveUp(fmt.Errorf("creating the replacement: %w", err))
	}
	return Swapping, nil
}

func (m *machine) create(ctx context.Context) error {
	snap, err := m.Shelf.SnapshotByID(ctx, m.rest.SnapshotID)
	if err != nil {
		return err
	}
	if m.rest.Plan.AutoRemove {
		if err := m.standIn(ctx); err != nil {
			return err
		}
	}
	m.rest.Plan.NewID, err = m.Engine.Create(ctx, m.rest.Plan.TempName, m.spec(snap))
	return err
}

func (m *machine) spec(snap snapshot.Snapshot) snapshot.Spec {
	return snapshot.Spec{Document: snap.Document, ImageID: snap.ImageID, ImageRef: snap.ImageRef, Replaces: m.rest.Plan.OldID}
}

// swap is the only downtime: the old one is told not to come back, stopped and set aside; the new one takes the name
// and starts. Once begun it is not interrupted by a bot that is told to stop.
func (m *machine) swap(ctx context.Context) (State, error) {
	p := m.rest.Plan
	if err := m.peek(ctx, 15*time.Second, m.checkHolder); err != nil {
		return m.giveUp(err)
	}
	for _, step := range m.swapSteps() {
		if err := m.act(ctx, step.limit, step.do); err != nil {
			return m.giveUp(fmt.Errorf("%s: %w", step.name, err))
		}
	}
	return Started, m.peek(ctx, 10*time.Second, func(ctx context.Context) error { return m.measure(ctx, p) })
}

type step struct {
	name  string
	limit time.Duration
	do    func(context.Context) error
}

func (m *machine) swapSteps() []step {
	p := m.rest.Plan
	var steps []step
	if p.OldID != "" {
		steps = m.asideSteps(p)
	}
	steps = append(steps, m.volumeSteps()...)
	if p.AdoptID != "" {
		steps = append(steps, step{"arming the container from before", 15 * time.Second, func(ctx context.Context) error {
			return m.Engine.SetRestartPolicy(ctx, p.NewID, p.NewPolicy)
		}})
	}
	return append(steps,
		step{"giving the replacement its name", 15 * time.Second, func(ctx context.Context) error {
			return m.Engine.Rename(ctx, p.NewID, m.rest.Container)
		}},
		step{"starting the replacement", m.Act, func(ctx context.Context) error {
			return m.Engine.Start(ctx, p.NewID)
		}})
}

// goneLimit is how long the engine may take to remove a container that removes itself: its files may be many. Until then
// nobody else can have its name.
const goneLimit = 5 * time.Minute

// asideSteps take the old container out of service, and keep it.
func (m *machine) asideSteps(p Plan) []step {
	stop := m.stopLimit()
	return []step{
		{"telling the old container not to restart", 15 * time.Second, func(ctx context.Context) error {
			return gone(m.disarm(ctx, p))
		}},
		{"stopping the old container", stop + 30*time.Second, func(ctx context.Context) error {
			m.down = time.Now()
			err := m.Engine.Stop(ctx, p.OldID, stop)
			if errors.Is(err, snapshot.ErrEngineDenied) {
				m.down = time.Time{} // it was never told
			}
			return gone(err)
		}},
		{"setting the old container aside", goneLimit, func(ctx context.Context) error {
			if p.AutoRemove {
				return m.awaitGone(ctx, p.OldID)
			}
			return gone(m.Engine.Rename(ctx, p.OldID, p.KeptName))
		}},
	}
}

func (m *machine) disarm(ctx context.Context, p Plan) error {
	if p.AutoRemove || p.OldPolicy.Name == "" || p.OldPolicy.Name == "no" {
		return nil
	}
	return m.Engine.SetRestartPolicy(ctx, p.OldID, snapshot.RestartPolicy{Name: "no"})
}

// gone makes a success of an old container that is not there any more: an auto-remove one removes itself when it stops,
// and people remove the others. Nothing is in the replacement's way then.
func gone(err error) error {
	if errors.Is(err, snapshot.ErrGone) {
		return nil
	}
	return err
}

// keptID is the container that is kept as evidence and for the undo.
func (p Plan) keptID() string {
	if p.AutoRemove {
		return p.StandInID
	}
	return p.OldID
}

// measure notes when the replacement started, by the engine's own clock, and how long nothing ran.
func (m *machine) measure(ctx context.Context, p Plan) error {
	now, err := m.Engine.Inspect(ctx, p.NewID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil // it removed itself; verify will say so
	}
	if err != nil {
		return err
	}
	m.rest.StartedAt = now.StartedAt
	m.rest.Plan.HealthFor = min(now.CheckFor, m.Health)
	m.rest.Downtime, err = m.downtime(ctx, now)
	return err
}

// downtime is from the old container's end to the new one's start, both by the engine's clock, whoever has stopped it. Of
// one that has removed itself it is what this run has seen.
func (m *machine) downtime(ctx context.Context, now snapshot.Inspection) (time.Duration, error) {
	if !m.rest.Plan.OldRunning {
		return 0, nil
	}
	old, err := m.Engine.Inspect(ctx, m.rest.Plan.OldID)
	switch {
	case err == nil && old.FinishedAt.After(old.StartedAt):
		return max(0, now.StartedAt.Sub(old.FinishedAt)), nil
	case err != nil && !errors.Is(err, snapshot.ErrUnknownContainer):
		return 0, err
	case m.down.IsZero():
		return 0, nil
	}
	return max(0, time.Since(m.down)-now.Up), nil
}

// verify waits until the replacement has proved itself, or has failed to.
func (m *machine) verify(ctx context.Context) (State, error) {
	how, err := m.prove(ctx)
	if err != nil {
		return m.giveUp(err)
	}
	m.rest.Proof = how
	m.rest.VerifiedAt = time.Now().UTC()
	m.rest.Differences, err = m.compare(ctx)
	if later(err) {
		return "", err
	}
	if err != nil { // it runs, which is what counts; that nobody could compare is told like a difference
		m.rest.Differences = []snapshot.Difference{{Attribute: "comparison", Want: "done", Got: err.Error()}}
	}
	if err := m.rejoin(ctx); err != nil {
		return "", err
	}
	if err := m.act(ctx, 5*time.Minute, m.retire); err != nil && later(err) {
		return "", err
	}
	kept, err := m.anyOf(ctx, m.rest.Plan.keptID())
	if later(err) {
		return "", err
	}
	if kept || err != nil || m.rest.Plan.BeforeID != 0 {
		m.rest.KeptUntil = m.rest.VerifiedAt.Add(m.Keep)
	}
	return Verified, nil
}

func (m *machine) compare(ctx context.Context) ([]snapshot.Difference, error) {
	if m.rest.Plan.AdoptID != "" {
		return nil, nil // it is the very same container
	}
	snap, err := m.Shelf.SnapshotByID(ctx, m.rest.SnapshotID)
	if err != nil {
		return nil, err
	}
	now, err := m.Engine.Inspect(ctx, m.rest.Plan.NewID)
	if err != nil {
		return nil, err
	}
	return m.Engine.Compare(snap.Document, m.spec(snap), now.Document)
}

// Unexpected are those differences that should not be there.
func (r Restore) Unexpected() []snapshot.Difference {
	return slices.DeleteFunc(slices.Clone(r.Differences), func(d snapshot.Difference) bool { return d.Expected != "" })
}
