package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// The engine knows nothing of epochs, so an act that left in time can arrive late: the bot was stopped, or its host was, or
// it was cut off from the journal alone, and meanwhile another bot took the restore over. Mostly the other one has done the
// same by then, and the late act changes nothing. It does when the other one has given the restore up, or when the
// next restore is over by then: it stops, renames or starts what should stay as it is. And a late create leaves a
// container that nobody knows of.
//
// So the journal remembers from which bot a restore was taken. When it is over, that bot looks whether everything is as
// the journal says, as soon as it is back; and if it does not come back, some bot does so minutes later. What has to be, is
// what the newest restore of the container came to. All of it can be done twice.

// mendAfter is how long a bot may be away until another one looks after what it was at: longer than any act of its may take.
const mendAfter = 3 * time.Minute

// lookAfterLate begins to mend what is to be mended, each in the background.
func (r *Restorer) lookAfterLate(reach Reach) {
	ids, err := r.Journal.Late(r.ctx, reach, mendAfter)
	if err != nil {
		if r.ctx.Err() == nil {
			r.Logger.Warn("looking for late acts", "err", err)
		}
		return
	}
	for _, id := range ids {
		r.background(id, r.mend)
	}
}

// mend puts right what came late of a restore, and has the journal forget that something might.
func (r *Restorer) mend(id int64) error {
	ctx, cancel := context.WithTimeout(r.ctx, mendAfter)
	defer cancel()
	over, err := r.Journal.Restore(ctx, id)
	if err != nil {
		return err
	}
	last, running, err := r.Journal.Last(ctx, over.Key)
	if err != nil || running {
		return err // whoever runs it looks at the engine anew; then it is this one's turn again
	}
	m := &mending{Restorer: r, over: over, last: last}
	if last.State != Failed { // that is a person's by now
		err = errors.Join(m.run(ctx), m.tell(ctx))
	}
	if err != nil {
		return fmt.Errorf("mending what came late: %w", err)
	}
	return r.Journal.Settled(ctx, id, r.Bot, mendAfter)
}

// mending is one look at what a restore that is over may have had done to it.
type mending struct {
	*Restorer
	over Restore // an act of this one may have come late
	last Restore // what has to be: verified or reverted
	done []string
}

func (m *mending) run(ctx context.Context) error {
	winner, err := m.winner(ctx)
	if err != nil {
		return err
	}
	if err := m.removeStray(ctx, winner); err != nil || !m.over.been(Swapping) {
		return err // before that, nothing is done but to create
	}
	holder, err := m.Engine.Inspect(ctx, m.last.Container)
	if err != nil && !errors.Is(err, ErrUnknownContainer) {
		return err
	}
	for _, id := range m.over.containers() {
		if id == winner || winner == "" && id == holder.ID {
			continue
		}
		if err := m.rest(ctx, id); err != nil {
			return err
		}
	}
	if winner == "" || holder.ID != "" && !m.over.holds(holder.ID) && !m.last.holds(holder.ID) {
		return nil // somebody has replaced it since
	}
	return m.raise(ctx, winner)
}

// containers are those that a restore may have acted on.
func (r Restore) containers() []string {
	ids := []string{r.Plan.OldID, r.Plan.NewID, r.Plan.StandInID}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" })
}

func (r Restore) holds(id string) bool { return slices.Contains(r.containers(), id) }

// winner is the container that has to run, or has to be there; "" when it is gone.
func (m *mending) winner(ctx context.Context) (string, error) {
	ids := []string{m.last.Plan.NewID}
	if m.last.State == Reverted {
		ids = []string{m.last.Plan.OldID, m.last.Plan.StandInID}
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		c, err := m.Engine.Inspect(ctx, id)
		if err == nil && !going(c) {
			return id, nil
		}
		if err != nil && !errors.Is(err, ErrUnknownContainer) {
			return "", err
		}
	}
	return "", nil
}

// rest has a container that lost be what it was set aside as: stopped, for good, and under a name of its own. What somebody
// has given another name is somebody's.
func (m *mending) rest(ctx context.Context, id string) error {
	c, err := m.Engine.Inspect(ctx, id)
	if errors.Is(err, ErrUnknownContainer) || err == nil && going(c) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.Name != m.last.Container && !OurName(c.Name) {
		return nil
	}
	if name := c.RestartPolicy.Name; name != "" && name != "no" {
		if err := m.do("disarmed "+c.Name, m.Engine.SetRestartPolicy(ctx, id, RestartPolicy{Name: "no"})); err != nil {
			return err
		}
	}
	if alive(c) {
		if err := m.do("stopped "+c.Name, m.Engine.Stop(ctx, id, 10*time.Second)); err != nil {
			return err
		}
	}
	if c.Name == m.last.Container && id == m.over.Plan.OldID {
		return m.do("set "+c.Name+" aside", m.Engine.Rename(ctx, id, m.over.Plan.KeptName))
	}
	return nil
}

// removeStray removes what is under a replacement's first name when the restore is over: only a late create can have made it.
func (m *mending) removeStray(ctx context.Context, winner string) error {
	if m.over.Plan.TempName == "" || m.over.Plan.AdoptID != "" {
		return nil
	}
	c, err := m.Engine.Inspect(ctx, m.over.Plan.TempName)
	if errors.Is(err, ErrUnknownContainer) || err == nil && (alive(c) || c.ID == winner) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.do("removed "+c.Name, m.Engine.Remove(ctx, c.ID))
}

// raise gives the winner its name and its restart policy, and starts it if it has to run.
func (m *mending) raise(ctx context.Context, id string) error {
	c, err := m.Engine.Inspect(ctx, id)
	if err != nil {
		return err
	}
	name, policy, runs := m.last.Container, m.last.Plan.NewPolicy, true
	if m.last.State == Reverted {
		name, policy, runs = m.last.oldName(), m.last.Plan.OldPolicy, m.last.Plan.OldRunning
	}
	if c.Name != name {
		if err := m.do("gave "+c.Name+" the name "+name+" again", m.Engine.Rename(ctx, id, name)); err != nil {
			return err
		}
	}
	if policy.Name != "" && !m.last.Plan.AutoRemove && policy != c.RestartPolicy {
		if err := m.do("armed "+name+" again", m.Engine.SetRestartPolicy(ctx, id, policy)); err != nil {
			return err
		}
	}
	if runs && !alive(c) {
		return m.do("started "+name+" again", m.Engine.Start(ctx, id))
	}
	return nil
}

// do remembers what was done.
func (m *mending) do(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	m.Logger.Warn("put right what a late act has done", "restore_id", m.over.ID, "done", what)
	m.done = append(m.done, what)
	return nil
}

// tell says on the timeline what was put right, if anything was.
func (m *mending) tell(ctx context.Context) error {
	if len(m.done) == 0 || m.Taker == nil {
		return nil
	}
	details, _ := incidents.Details(map[string]any{"restore_id": m.over.ID, "container": m.over.Container, "done": m.done}) // strings: always encodable
	_, err := m.Taker.Audit.Record(ctx, incidents.Entry{
		IncidentID: m.over.By.Incident, OccurredAt: time.Now(), Kind: incidents.KindRestoreMended, Actor: incidents.Self(),
		Source: incidents.Source{System: "snapback", NativeID: fmt.Sprintf("restore/%d/mended", m.over.ID)}, Details: details,
		Summary: fmt.Sprintf("A bot that had been away did something to %s too late. It was put right: %s", m.over.Container, strings.Join(m.done, ", ")),
	})
	return err
}
