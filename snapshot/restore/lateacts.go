package restore

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

// An act that left in time can arrive late. The bot or its host was stopped, or the bot was cut off from the journal alone,
// and meanwhile another bot took the restore over. The engine knows nothing of epochs, so it does what it is told. Mostly
// the other bot has done the same by then, and the late act changes nothing. But when the other bot has reverted the
// restore, or the next restore is over already, the late act stops, renames or starts what should stay as it is. A late
// create leaves a container that nobody knows of.
//
// So the journal remembers from which bot a restore was taken. When the restore is over and that bot is back, it compares
// the engine with the journal. When it does not come back, some other bot does so minutes later. What has to run is what
// the newest restore of the container came to. Only what a late act can have done is put right: everything else was done
// by a person, and stays. All of it can be done twice.

const (
	reconcileAfter = 3 * time.Minute  // after that another bot does it; longer than an act takes
	reconcileTries = 6                // how often it is tried, with growing pauses
	reconcilePause = 30 * time.Second // the longest pause between two tries
)

// reconcileLateActs begins to reconcile every restore on which an act may have come late, in the background.
func (r *Restorer) reconcileLateActs(scope Scope) {
	r.reportLateActs()
	ids, err := r.Journal.WithLateActs(r.ctx, scope, reconcileAfter)
	if err != nil {
		if r.ctx.Err() == nil {
			r.Logger.Warn("looking for late acts", "err", err)
		}
		return
	}
	for _, id := range ids {
		if n := r.note(id, func(*notes) {}); time.Now().After(n.notBefore) {
			r.background(id, r.reconcile)
		}
		r.forget(id)
	}
}

// reportLateActs writes into the journal on which restores this bot has acted when they were another one's. The other bot
// may have stopped waiting for that by now.
func (r *Restorer) reportLateActs() {
	r.mu.Lock()
	var ids []int64
	for id, n := range r.known {
		if n.late {
			ids = append(ids, id)
		}
	}
	r.mu.Unlock()
	for _, id := range ids {
		if err := r.Journal.WasLate(r.ctx, id, r.Bot); err != nil {
			continue // it is tried again
		}
		r.note(id, func(n *notes) { n.late = false })
		r.forget(id)
	}
}

// errOvertaken says that another restore of the container has begun. That one looks at the engine anew. What came late is
// looked for again when it is over.
var errOvertaken = errors.New("another restore has begun")

// reconcile puts right what late acts of a restore have done, and tells the journal that none is expected any more.
func (r *Restorer) reconcile(id int64) error {
	ctx, cancel := context.WithTimeout(r.ctx, reconcileAfter)
	defer cancel()
	over, err := r.Journal.Restore(ctx, id)
	if err != nil {
		return err
	}
	m := &reconciliation{Restorer: r, over: over}
	if engine, ok := r.Engine.(ContainerEngine); ok { // a Swarm takes no update of a service that was seen as it is no more
		m.Engine = engine
		err = m.run(ctx)
	}
	if errors.Is(err, errOvertaken) || err != nil && r.ctx.Err() != nil {
		return nil
	}
	if err != nil {
		n := r.note(id, func(n *notes) {
			n.reconciled++
			n.notBefore = time.Now().Add(min(reconcilePause, time.Duration(n.reconciled*n.reconciled)*time.Second))
		})
		if n.reconciled < reconcileTries || errors.Is(err, snapshot.ErrEngineAway) || errors.Is(err, snapshot.ErrJournalAway) {
			return fmt.Errorf("reconciling what came late: %w", err)
		}
	}
	if err := m.notify(ctx, err); err != nil {
		return err
	}
	r.note(id, func(n *notes) { n.reconciled, n.notBefore = 0, time.Time{} })
	return r.Journal.Settled(ctx, id, r.Bot, reconcileAfter)
}

// reconciliation is one comparison of the engine with the journal, for one restore that is over.
type reconciliation struct {
	*Restorer
	Engine ContainerEngine
	over   Restore // whose acts may have come late
	last   Restore // the newest one: it says what has to run; it was verified or reverted
	done   []string
}

func (rec *reconciliation) run(ctx context.Context) error {
	var running bool
	var err error
	rec.last, running, err = rec.Journal.Last(ctx, rec.over.Key)
	switch {
	case errors.Is(err, snapshot.ErrUnknownRestore): // it was refused, and is the only one
		return rec.removeStray(ctx)
	case err != nil:
		return err
	case running:
		return errOvertaken
	case rec.last.State == Failed: // a person sees to it
		return nil
	}
	if rec.over.passed(Swapping) { // before that a restore only creates
		if err := rec.haveItRun(ctx); err != nil {
			return err
		}
	}
	return rec.removeStray(ctx) // last: nothing waits for what the engine won't remove
}

// haveItRun stops what must not run, and brings up what has to.
func (rec *reconciliation) haveItRun(ctx context.Context) error {
	winner, err := rec.rightful(ctx)
	if err != nil {
		return err
	}
	holder, err := rec.Engine.Inspect(ctx, rec.last.Container)
	if err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) {
		return err
	}
	if rec.over.Plan.AutoRemove && winner == "" && holder.ID == "" && rec.last.State == Reverted {
		return errors.New("it was stopped, and has removed itself")
	}
	for _, id := range rec.startedLate() {
		if id == winner || winner == "" && id == holder.ID {
			continue
		}
		if err := rec.setAside(ctx, id); err != nil {
			return err
		}
	}
	if !slices.Contains(rec.stoppedLate(), winner) || holder.ID != "" && !rec.over.Plan.ours(holder.ID) && !rec.last.Plan.ours(holder.ID) {
		return nil // no late act can have touched it, or somebody has replaced it since
	}
	return rec.bringUp(ctx, winner)
}

// startedLate are the containers that a late act may have started, armed or given the name. A swap does that to the new
// one, a revert to the old one.
func (rec *reconciliation) startedLate() []string {
	ids := []string{rec.over.Plan.NewID}
	if rec.over.passed(Reverting) {
		ids = append(ids, rec.over.Plan.OldID, rec.over.Plan.StandInID)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// stoppedLate are the containers that a late act may have stopped, disarmed or set aside. A swap does that to the old one,
// the revert of an undo to the one that the undo had brought back.
func (rec *reconciliation) stoppedLate() []string {
	ids := []string{rec.over.Plan.OldID}
	if rec.over.passed(Reverting) {
		ids = append(ids, rec.over.Plan.AdoptID)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// rightful is the container that has to have the name; "" when it is gone.
func (rec *reconciliation) rightful(ctx context.Context) (string, error) {
	ids := []string{rec.last.Plan.NewID}
	if rec.last.State == Reverted {
		ids = []string{rec.last.Plan.OldID, rec.last.Plan.StandInID}
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		c, err := rec.Engine.Inspect(ctx, id)
		if err == nil && !beingRemoved(c) {
			return id, nil
		}
		if err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) {
			return "", err
		}
	}
	return "", nil
}

// named says whether a container has a name that a restore gives. A container with any other name was renamed by
// somebody, and is left alone.
func (rec *reconciliation) named(c snapshot.Inspection) bool {
	return c.Name == rec.last.Container || c.Name == rec.last.oldName() || snapshot.OurName(c.Name)
}

// setAside stops a container that must not run, switches its restart policy off, and takes the name away from it.
func (rec *reconciliation) setAside(ctx context.Context, id string) error {
	c, err := rec.Engine.Inspect(ctx, id)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && (beingRemoved(c) || !rec.named(c)) {
		return nil
	}
	if err != nil {
		return err
	}
	if name := c.RestartPolicy.Name; name != "" && name != "no" {
		err = rec.do(ctx, "disarmed "+c.Name, func() error { return rec.Engine.SetRestartPolicy(ctx, id, snapshot.RestartPolicy{Name: "no"}) })
	}
	if err == nil && snapshot.Alive(c.State) {
		err = rec.do(ctx, "stopped "+c.Name, func() error { return rec.Engine.Stop(ctx, id, 10*time.Second) })
	}
	if err == nil && c.Name == rec.last.Container && id == rec.over.Plan.OldID {
		err = rec.do(ctx, "set "+c.Name+" aside", func() error { return rec.Engine.Rename(ctx, id, rec.over.Plan.KeptName) })
	}
	return err
}

// removeStray removes a container that still has a replacement's temporary name when the restore is over. Only a late
// create can have made it.
func (rec *reconciliation) removeStray(ctx context.Context) error {
	c, found, err := stray(ctx, rec.Engine, rec.over)
	if err != nil || !found {
		return err
	}
	return rec.do(ctx, "removed "+c.Name, func() error {
		return within(ctx, removeLimit, func(ctx context.Context) error { return rec.Engine.Remove(ctx, c.ID) })
	})
}

// bringUp gives the rightful container its name and its restart policy, and starts it if it has to run.
func (rec *reconciliation) bringUp(ctx context.Context, id string) error {
	c, err := rec.Engine.Inspect(ctx, id)
	if err != nil || !rec.named(c) {
		return err
	}
	name, policy, runs := rec.asItWas()
	if c.Name != name {
		err = rec.do(ctx, "gave "+c.Name+" the name "+name+" again", func() error { return rec.Engine.Rename(ctx, id, name) })
	}
	if err == nil && policy.Name != "" && !rec.last.Plan.AutoRemove && policy != c.RestartPolicy {
		err = rec.do(ctx, "armed "+name+" again", func() error { return rec.Engine.SetRestartPolicy(ctx, id, policy) })
	}
	if err == nil && runs && !snapshot.Alive(c.State) {
		err = rec.do(ctx, "started "+name+" again", func() error { return rec.Engine.Start(ctx, id) })
	}
	return err
}

// asItWas is how the rightful container is called, when the engine restarts it, and whether it has to run.
func (rec *reconciliation) asItWas() (name string, policy snapshot.RestartPolicy, runs bool) {
	name, policy, runs = rec.last.Container, rec.last.Plan.NewPolicy, true
	if rec.last.State == Reverted {
		name, policy, runs = rec.last.oldName(), rec.last.Plan.OldPolicy, rec.last.Plan.OldRunning
		if rec.last.Plan.OldID == rec.over.Plan.OldID { // the last restore may have seen it only after the late act
			policy, runs = rec.over.Plan.OldPolicy, rec.over.Plan.OldRunning
		}
	}
	return name, policy, runs
}

// advice is what a person does by hand when it can't be put right. The commands are of use whatever has been done already.
func (rec *reconciliation) advice(ctx context.Context) string {
	winner, err := rec.rightful(ctx)
	switch {
	case rec.last.ID == 0 || err != nil: // only a stray of a refused restore, or an engine that does not answer
		return byHand([]string{"docker ps -a --filter name=" + rec.over.Container})
	case winner == "":
		return "The one that should run is gone: start one by hand, or restore another snapshot"
	}
	name, policy, runs := rec.asItWas()
	var commands []string
	for _, id := range rec.startedLate() {
		if c, err := rec.Engine.Inspect(ctx, id); id != winner && err == nil {
			commands = append(commands, rec.asideByHand(c, name)...)
		}
	}
	commands = append(commands, fmt.Sprintf("docker rename %.12s %s", winner, name))
	if policy.String() != "" && !rec.last.Plan.AutoRemove {
		commands = append(commands, fmt.Sprintf("docker update --restart=%s %.12s", policy, winner))
	}
	if runs {
		commands = append(commands, fmt.Sprintf("docker start %.12s", winner))
	}
	return byHand(commands)
}

// asideByHand are the commands that set a container aside which must not run.
func (rec *reconciliation) asideByHand(c snapshot.Inspection, name string) []string {
	commands := []string{fmt.Sprintf("docker update --restart=no %.12s", c.ID), fmt.Sprintf("docker stop %.12s", c.ID)}
	if c.Name == name {
		commands = append(commands, fmt.Sprintf("docker rename %.12s %s.aside", c.ID, name))
	}
	return commands
}

// do acts, unless another restore has begun meanwhile, and remembers what was done.
func (rec *reconciliation) do(ctx context.Context, what string, act func() error) error {
	last, running, err := rec.Journal.Last(ctx, rec.over.Key)
	if err != nil && !errors.Is(err, snapshot.ErrUnknownRestore) {
		return err
	}
	if running || last.ID != rec.last.ID {
		return errOvertaken
	}
	if err := act(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	rec.Logger.Warn("put right what a late act has done", "restore_id", rec.over.ID, "done", what)
	rec.done = append(rec.done, what)
	last, running, err = rec.Journal.Last(ctx, rec.over.Key)
	if err == nil && (running || last.ID != rec.last.ID) {
		return errOvertaken // this act may have been too late as well: it is looked for again
	}
	return nil
}

// notify writes onto the timeline what was put right, or why it could not be.
func (rec *reconciliation) notify(ctx context.Context, failed error) error {
	if len(rec.done) == 0 && failed == nil || rec.Taker == nil {
		return nil
	}
	said, kind := "It was put right: "+strings.Join(rec.done, ", "), incidents.KindRestoreMended
	if failed != nil {
		said, kind = fmt.Sprintf("It can't be put right: %v. %s", failed, rec.advice(ctx)), incidents.KindRestoreMendFailed
	}
	details, _ := incidents.Details(map[string]any{"restore_id": rec.over.ID, "container": rec.over.Container, "key": rec.over.Key, "done": rec.done}) // strings: always encodable
	_, err := rec.Taker.Audit.Record(ctx, incidents.Entry{
		IncidentID: rec.over.By.Incident, OccurredAt: time.Now(), Kind: kind, Actor: incidents.Self(),
		Source: incidents.Source{System: "snapback", NativeID: fmt.Sprintf("restore/%d/mended", rec.over.ID)}, Details: details,
		Summary: fmt.Sprintf("A bot that had been away did something to %s too late. %s", rec.over.Container, said),
	})
	return err
}
