package bot

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

const (
	// goneLately is how long before the alert a container may have gone that is shown although others run: it may be what a
	// deploy has failed to bring back.
	goneLately    = time.Hour
	maxContainers = 3 // in one message; a phone shows no more
	maxOffers     = 3 // examined for each container
	offerBudget   = 2 * time.Second
	askPending    = 2 * time.Minute // how long an act that was asked of PagerDuty is shown as being under way
)

// View is everything that the message of an incident shows.
type View struct {
	Incident   incidents.Incident
	Containers []ContainerView
	Suspects   bool                      // no container names the incident's service; these are those that were deployed last
	More       int                       // containers that are not shown
	Restore    *restore.Restore          // the one that runs, else the one that is in place, else the newest; nil: there was none
	Progress   *snapshot.Progress        // how far Restore is with the contents of volumes; nil: it moves none now, or another bot runs it
	Others     []restore.Restore         // how the others have ended, newest first
	Holds      []snapshot.Hold           // what restores of this incident have put on hold, newest first
	Told       string                    // what was said last of the errors after Restore, with its mark; "": nothing
	Asked      map[incidents.Call]string // who has asked for what PagerDuty has not confirmed yet
	Problem    string                    // why something is missing here; it is looked for again
	Refused    []refusal                 // the channels that did not take it
	Zone       *time.Location            // of the times that people read
	Terminal   bool                      // terminals can be opened

	whole bool           // how its containers are is looked up with their use of the CPU
	calm  bool           // nobody waits: looking may take longer
	cause *ContainerView // the container of the incident's service that was deployed last before it; nil: none is known
}

// ContainerView is one container of it.
type ContainerView struct {
	Container snapshot.Container
	Deploy    *snapshot.Deploy // the one nearest before the alert; when there was none, the newest
	Since     *snapshot.Deploy // the newest one after the alert, when there is one before it as well
	With      []Mate           // what was deployed in the same deploy as Deploy, by their names
	Undone    *snapshot.Undone // Deploy, when a restore has undone it; nil: none has
	Offers    []restore.Offer  // the first of what is kept, as restore.Sort has it; those with WhyNot can't be restored
	Examined  bool             // Offers were looked up: when there are none, none is kept

	Errors     *flat.Alert         // what its errors were at the alert; nil: nobody counted them
	Uncounted  string              // why its errors can't be counted; "": nothing keeps anybody from it
	Condition  *snapshot.Condition // how it is; nil: that is not known
	Unexamined error               // why it is not known; nil with a nil Condition: nobody was asked
}

// view looks everything up. What can't be found out is said in Problem, because an alert without a button is better
// than none. It returns an error only when the incident's own data can't be read.
func (b *Bot) view(ctx context.Context, in incidents.Incident, entries []incidents.Entry, budget time.Duration) (View, error) {
	v := View{Incident: in, Zone: b.cfg.Zone, Terminal: b.Terminal != nil, calm: budget > b.cfg.Budget, Asked: b.asked(in, entries), Refused: refusedChannels(entries)}
	last, err := b.Restores.LastRestores(ctx, in.ID)
	if err != nil {
		return v, err
	}
	v.Restore, v.Others = foremost(last)
	if v.Restore != nil && !v.Restore.State.Final() {
		v.Progress = b.Restorer.Progress(v.Restore.ID)
	}
	v.Told = toldErrors(entries, v.Restore)
	if v.Holds, err = b.holdsOf(ctx, in); err != nil {
		return v, err
	}
	if !in.Open() && hasCause(in, entries) {
		return v, nil // nothing is offered any more
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	if err := b.fill(ctx, &v); err != nil {
		b.log.Warn("looking at containers for a message", "incident_id", in.ID, "err", err)
		v.Problem = problem(err)
	}
	if !in.Open() {
		v.Containers, v.Suspects, v.More, v.Problem = nil, false, 0, ""
	}
	return v, nil
}

// hasCause says whether the timeline has a deploy from before the incident.
func hasCause(in incidents.Incident, entries []incidents.Entry) bool {
	return slices.ContainsFunc(entries, func(e incidents.Entry) bool {
		return e.Kind == incidents.KindDeploy && !e.OccurredAt.After(in.OpenedAt)
	})
}

func problem(err error) string {
	var denied *snapshot.DeniedError
	if errors.As(err, &denied) {
		return "Not everything could be looked up: " + quote(denied.Error(), 300) + ". Somebody has to allow that call on the engine's host."
	}
	if errors.Is(err, snapshot.ErrEngineAway) || errors.Is(err, context.DeadlineExceeded) {
		return "The container engine does not answer in time, so not everything could be checked. I keep looking."
	}
	return "Not everything could be looked up. I keep looking."
}

func (b *Bot) fill(ctx context.Context, v *View) error {
	all, err := b.Containers.List(ctx)
	if err != nil {
		return err
	}
	found, suspects, err := b.concerned(ctx, all, v.Incident)
	if err != nil {
		return err
	}
	v.Suspects = suspects
	var errs []error
	for _, c := range found {
		cv, err := b.containerView(ctx, c, v.Incident.OpenedAt)
		v.Containers = append(v.Containers, cv)
		errs = append(errs, err)
	}
	byDeploy(v.Containers, v.Incident.OpenedAt)
	shown := v.Containers[:min(len(v.Containers), maxContainers)]
	errs = append(errs, b.together(ctx, all, shown))
	b.errorRates(ctx, shown, v.Incident.OpenedAt)
	if !suspects && errors.Join(errs...) == nil && v.Containers[0].Deploy != nil {
		first := v.Containers[0]
		v.cause = &first
	}
	if !v.Incident.Open() {
		return errors.Join(errs...)
	}
	if n := len(v.Containers); n > maxContainers {
		v.More, v.Containers = n-maxContainers, v.Containers[:maxContainers]
	}
	examined := b.examine(ctx, v)
	defer examined()
	if v.Restore == nil || v.Restore.State.Final() { // while it runs there is nothing to offer
		errs = append(errs, b.offer(ctx, v))
	}
	return errors.Join(errs...)
}

// concerned are those of all containers that are of the incident's service, or else the suspects.
func (b *Bot) concerned(ctx context.Context, all []snapshot.Container, in incidents.Incident) ([]snapshot.Container, bool, error) {
	lately := in.OpenedAt.Add(-goneLately)
	found := slices.DeleteFunc(slices.Clone(all), func(c snapshot.Container) bool { return !c.Settings.Names(in.ServiceID) })
	if len(found) > 0 {
		return snapshot.GoneSince(found, lately), false, nil
	}
	recent, err := b.Deploys.Deploys(ctx, nil, 50)
	if err != nil {
		return nil, true, err
	}
	later := func(d snapshot.Deploy) bool { return after(d, in.OpenedAt) }
	earlier := slices.DeleteFunc(slices.Clone(recent), later)
	return suspects(snapshot.GoneSince(all, lately), append(earlier, recent...)), true, nil
}

// after says that a deploy came after the alert, and so is no cause of it.
func after(d snapshot.Deploy, opened time.Time) bool { return incidents.Since(opened, d.Came()) }

// suspects are those of all that come first in recent.
func suspects(all []snapshot.Container, recent []snapshot.Deploy) []snapshot.Container {
	var out []snapshot.Container
	for _, d := range recent {
		i := slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Key == d.Key })
		seen := slices.ContainsFunc(out, func(c snapshot.Container) bool { return c.Key == d.Key })
		if i >= 0 && !seen && len(out) < maxContainers {
			out = append(out, all[i])
		}
	}
	return out
}

func (b *Bot) containerView(ctx context.Context, c snapshot.Container, opened time.Time) (ContainerView, error) {
	cv, err := b.deploysOf(ctx, c, opened)
	if err != nil || cv.Deploy == nil {
		return cv, err
	}
	undone, found, err := b.Deploys.RolledBack(ctx, *cv.Deploy)
	if found {
		cv.Undone = &undone
	}
	return cv, err
}

func (b *Bot) deploysOf(ctx context.Context, c snapshot.Container, opened time.Time) (ContainerView, error) {
	cv := ContainerView{Container: c}
	last, err := b.Deploys.Deploys(ctx, []string{c.Key}, 1)
	if err != nil || len(last) == 0 {
		return cv, err
	}
	cv.Deploy = &last[0]
	if !after(last[0], opened) {
		return cv, nil
	}
	before, found, err := b.Deploys.DeployBefore(ctx, []string{c.Key}, opened)
	if found {
		cv.Deploy, cv.Since = &before, &last[0]
	}
	return cv, err
}

// byDeploy puts the container first that was deployed last before the alert: it is the likeliest cause. Who is gone comes last.
func byDeploy(all []ContainerView, opened time.Time) {
	at := func(c ContainerView) time.Time {
		if c.Deploy == nil || after(*c.Deploy, opened) {
			return time.Time{}
		}
		return c.Deploy.Came()
	}
	slices.SortStableFunc(all, func(x, y ContainerView) int {
		return cmp.Or(snapshot.CompareGone(x.Container, y.Container), at(y).Compare(at(x)), strings.Compare(x.Container.Name, y.Container.Name))
	})
}

// asked finds out from the timeline what PagerDuty has been asked to do and has neither done nor refused.
func (b *Bot) asked(in incidents.Incident, entries []incidents.Entry) map[incidents.Call]string {
	pending := map[incidents.Call]string{}
	for _, e := range entries {
		fresh := b.cfg.Now().Sub(e.OccurredAt) < askPending
		switch e.Kind {
		case incidents.KindAcknowledgeAsked:
			if fresh && in.Status == incidents.Triggered {
				pending[incidents.CallAcknowledge] = e.Actor.Name
			}
		case incidents.KindResolveAsked:
			if fresh && in.Open() {
				pending[incidents.CallResolve] = e.Actor.Name
			}
		case incidents.KindAcknowledgeFailed, incidents.KindPagerDutyUnacked:
			delete(pending, incidents.CallAcknowledge)
		case incidents.KindResolveFailed, incidents.KindPagerDutyReopened:
			clear(pending)
		}
	}
	return pending
}
