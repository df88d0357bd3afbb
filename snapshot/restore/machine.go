package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// machine takes one restore from state to state. It knows nothing of what is restored: that is its subject's to do.
type machine struct {
	*task
	subject subject
}

// subject is what is restored. Every verb can be done twice, by this bot or by another one. An error is a verdict on the
// restore, unless later says of it that the verb has to be done again.
type subject interface {
	// Preflight lists every reason against the restore, and fills its plan. It changes nothing.
	Preflight(ctx context.Context) (why []string, err error)
	// Prepare makes the replacement, beside what runs.
	Prepare(ctx context.Context) error
	// Swap sets the old one aside, and starts the replacement in its place. It is the only downtime.
	Swap(ctx context.Context) error
	// Verify waits until the replacement has proved itself, and then finishes what a restore is about beside it.
	Verify(ctx context.Context) error
	// Revert puts the old one back. It returns Reverted, or Failed when that can't be, and an error only when that is to
	// be tried again later.
	Revert(ctx context.Context) (State, error)
}

// subjectOf is what the engine's restores are of.
func (r *Restorer) subjectOf(t *task) planned {
	if services, ok := r.Engine.(ServiceEngine); ok {
		return &service{task: t, Engine: services}
	}
	return &container{task: t, Engine: r.Engine.(ContainerEngine)} // New has seen to it
}

// planned is a subject whose restore can be planned without anybody having asked for it.
type planned interface {
	subject
	// plan fills the restore's plan from what the engine shows now, and returns every reason against the restore. It changes nothing.
	plan(ctx context.Context) (why []string, err error)
}

// run is the machine: do the work of the state, write the next state, until it is over. When it returns an error
// before that, adopt picks the restore up again within a second: the work of every state can be done twice.
func (r *Restorer) run(id int64) error {
	if err := r.stillAway(id); err != nil {
		return err
	}
	asked := time.Now() // the journal's clock starts no earlier than this
	rest, err := r.Journal.Claim(r.ctx, id, r.Bot, r.Lease)
	if errors.Is(err, ErrFenced) || err == nil && rest.State.Final() {
		return nil
	}
	if err != nil {
		return err
	}
	held := &lease{journal: r.Journal, id: id, epoch: rest.Epoch, length: r.Lease, grace: time.Minute, until: asked.Add(r.Lease)}
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	renewing, done := context.WithCancel(context.WithoutCancel(ctx)) // also while a swap goes on that a stopping bot can't interrupt
	defer done()
	r.wg.Go(func() { held.renewUntil(renewing, cancel) })

	t := &task{Restorer: r, lease: held, restore: rest, began: rest.State, meter: r.meterOf(id)}
	m := &machine{task: t, subject: r.subjectOf(t)}
	for !m.restore.State.Final() {
		next, err := m.work(ctx)
		if err == nil {
			err = m.advance(ctx, next)
		}
		if err != nil {
			if m.wasLate {
				r.note(id, func(n *notes) { n.late = true })
			}
			return fmt.Errorf("restore %d in state %s: %w", id, m.restore.State, err)
		}
		r.note(id, func(n *notes) { n.waitsSince, n.notified, n.stuckActs = time.Time{}, false, 0 })
		r.announce()
	}
	return nil
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
		Reverting: m.subject.Revert,
	}
	work, ok := works[m.restore.State]
	if !ok {
		return "", fmt.Errorf("no work for state %q", m.restore.State)
	}
	return work(ctx)
}

// advance writes the next state. Until it is written, nothing of that state's work is done.
func (m *machine) advance(ctx context.Context, next State) error {
	if !m.restore.State.May(next) {
		return fmt.Errorf("a restore can't go from %s to %s", m.restore.State, next)
	}
	then := m.restore.left()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	rest, err := m.Journal.Advance(ctx, then, next, then.entry(next))
	if err != nil {
		return err
	}
	m.restore = rest
	if next.Final() {
		m.Observe(rest)
	}
	return nil
}

// retryable says that err is no verdict on the restore: it has to be taken up again.
func retryable(err error) bool {
	return snapshot.Retryable(err) || errors.Is(err, ErrFenced) || errors.As(err, new(noVerdict))
}

// noVerdict is an error that says nothing against the replacement, whatever it is.
type noVerdict struct{ error }

// Unwrap returns the error.
func (n noVerdict) Unwrap() error { return n.error }

// giveUp is where a restore goes whose current work has failed for good.
func (m *machine) giveUp(err error) (State, error) {
	if retryable(err) {
		return "", err
	}
	m.restore.Error = err.Error()
	return Reverting, nil
}

func (m *machine) requested(context.Context) (State, error) { return Preflight, nil }

// preflight looks at everything that can fail, and plans the rest, while what is broken still runs.
func (m *machine) preflight(ctx context.Context) (State, error) {
	if time.Since(m.restore.RequestedAt) > m.Stale {
		return m.refuse("it was asked for too long ago: look again, and ask again")
	}
	why, err := m.subject.Preflight(ctx)
	if err == nil && len(why) == 0 {
		err = m.peek(ctx, 20*time.Second, func(ctx context.Context) (err error) {
			why, err = m.changesNothing(ctx)
			return err
		})
	}
	if retryable(err) {
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
	m.restore.WhyNot = why
	m.restore.Error = strings.Join(why, "; ")
	return Refused, nil
}

// prepare creates the replacement beside what runs.
func (m *machine) prepare(ctx context.Context) (State, error) {
	if time.Since(m.restore.RequestedAt) > m.Stale {
		m.restore.Error = "it was asked for too long ago: look again, and ask again"
		return Reverting, nil
	}
	if err := m.subject.Prepare(ctx); err != nil {
		return m.giveUp(fmt.Errorf("%s: %w", m.restore.preparing(), err))
	}
	return Swapping, nil
}

// swap can't be interrupted by a bot that is told to stop, once it has begun.
func (m *machine) swap(ctx context.Context) (State, error) {
	if err := m.subject.Swap(ctx); err != nil {
		return m.giveUp(err)
	}
	return Started, nil
}

// verify waits until the replacement has proved itself, or has failed to.
func (m *machine) verify(ctx context.Context) (State, error) {
	if err := m.subject.Verify(ctx); err != nil {
		return m.giveUp(err)
	}
	return Verified, nil
}
