package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// errUnseen is for containers that are not there and for those that are not this person's: which of both is not told.
var errUnseen = &saidError{http.StatusNotFound, "unseen", "There is no such container, or it is not yours to see."}

// pageView is what the page of a container shows to one person. Times are UTC.
type pageView struct {
	Container containerView `json:"container"`
	Seen      string        `json:"seen"`              // the engine's ID of what is shown, which a restore is asked with
	Refused   string        `json:"refused,omitempty"` // why this person may not restore it, and who may; "": they may
	Deploys   []changeView  `json:"deploys"`           // newest first
	Snapshots []offerView   `json:"snapshots"`         // in the order in which they are offered; null: it is not known what can be restored
	Restore   *restoreView  `json:"restore,omitempty"` // the last one, while it tells anything
	Stands    *restoreView  `json:"stands,omitempty"`  // the one before Restore that has worked, when Restore came to nothing
	Shells    []shellView   `json:"shells,omitempty"`  // the last ones whose recordings are kept, newest first
	Trouble   string        `json:"trouble,omitempty"`
}

type changeView struct {
	At       time.Time `json:"at"`
	Changes  []string  `json:"changes"` // secrets masked
	Snapshot string    `json:"snapshot,omitempty"`
	Together string    `json:"together,omitempty"` // with what else the same deploy has changed, as far as this person may see it
}

// offerView is a kept state, and what restoring it would change from now.
type offerView struct {
	Name    string    `json:"name"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
	Note    string    `json:"note,omitempty"`
	Changes []string  `json:"changes"`
	Losses  []string  `json:"losses,omitempty"`
	Doubt   string    `json:"doubt,omitempty"`
	WhyNot  string    `json:"why_not,omitempty"` // why it can't be restored, or needn't be
	WayOut  bool      `json:"way_out,omitempty"` // it is what one would restore now
}

type restoreView struct {
	ID       int64     `json:"id"`
	State    string    `json:"state"`
	Over     bool      `json:"over"`
	Good     bool      `json:"good"`
	Says     string    `json:"says"`
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at"`
	Undoable bool      `json:"undoable,omitempty"`
	Undo     bool      `json:"undo,omitempty"` // it is the undo of another
}

// shellView is a shell that was recorded: whoever may have one here can watch it.
type shellView struct {
	Recording string    `json:"recording"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	Ended     time.Time `json:"ended,omitzero"` // zero: it runs
}

const (
	shownDeploys = 50
	shownShells  = 5
	shownOffers  = 30
	// offersKept is how long what snapshots would change is taken for true while nothing happens to the container.
	offersKept = 15 * time.Second
	// restoreTold is how long the end of a restore stays on the page.
	restoreTold = 24 * time.Hour
)

func (c *Console) container(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	_, at, view, err := c.containerLook(r.URL.Query().Get("key"))(r.Context(), s)
	if err != nil {
		return err
	}
	return c.ok(w, map[string]any{"at": at, "view": view})
}

// containerLook keeps what is costly to find out, for as long as it can't have changed.
func (c *Console) containerLook(key string) look {
	var kept []offerView
	var of string
	var until time.Time
	return func(ctx context.Context, s signin.Session) (string, time.Time, any, error) {
		one, seen, err := c.mine(ctx, s, key)
		if err != nil {
			return "", time.Time{}, nil, err
		}
		v := pageView{Container: one.view, Seen: one.is.ID, Trouble: seen.trouble, Deploys: []changeView{}}
		v.Refused = c.refusal(ctx, s, one.is)
		if err := c.history(ctx, &v, s, key, seen); err != nil {
			return "", seen.at, nil, err
		}
		if now := one.is.ID + one.view.State + stateOf(v.Restore); now != of || c.now().After(until) {
			var found []offerView
			err := snapshot.ErrEngineAway               // as the look has found it, which need not be waited for once more
			if seen.trouble == "" || one.is.Elsewhere { // which no engine is asked about
				found, err = c.offers(ctx, one.is)
			}
			switch {
			case errors.Is(err, snapshot.ErrEngineAway):
				v.Trouble = "The container engine doesn't answer. What runs is shown as it was last seen, and it is not known what can be restored."
				return "container", seen.at, v, nil
			case err != nil:
				return "", seen.at, nil, err
			}
			kept, of, until = found, now, c.now().Add(offersKept)
		}
		v.Snapshots = kept
		return "container", seen.at, v, nil
	}
}

func stateOf(r *restoreView) string {
	if r == nil {
		return ""
	}
	return r.State
}

// mine is a container that somebody may see, as it was just looked up. It returns errUnseen.
func (c *Console) mine(ctx context.Context, s signin.Session, key string) (shown, sight, error) {
	seen, err := c.board.look(ctx, c)
	if err != nil {
		return shown{}, seen, err
	}
	i := slices.IndexFunc(seen.containers, func(one shown) bool { return one.is.Key == key })
	if i < 0 {
		return shown{}, seen, errUnseen
	}
	ok, err := c.sees(ctx, s, seen.containers[i].is)
	if err == nil && !ok {
		err = errUnseen
	}
	return seen.containers[i], seen, err
}

// refusal is why somebody may not restore a container, as a sentence with who may; "" when they may.
func (c *Console) refusal(ctx context.Context, s signin.Session, one snapshot.Container) string {
	if one.Carries != "" {
		return "The bot runs in this container, or depends on it. Deploy it as you deploy the bot."
	}
	_, err := c.within(ctx, s, one)
	return whoMay(err)
}

// within is the incident within which somebody may do what they want with a container: the newest of its services for which they may.
// Outside of any they may as well, where the labels permit it. When they may for none, it is the newest, with why not.
func (c *Console) within(ctx context.Context, s signin.Session, one snapshot.Container) (incidents.Incident, error) {
	return c.withinFor(ctx, s, one, false)
}

func (c *Console) withinFor(ctx context.Context, s signin.Session, one snapshot.Container, shell bool) (incidents.Incident, error) {
	open, err := c.incidentsOf(ctx, one)
	if err != nil {
		return incidents.Incident{}, err
	}
	if len(open) == 0 {
		open = []incidents.Incident{{}}
	}
	var why error
	for _, in := range open {
		wish := wishOf(s, one, in)
		wish.Shell = shell
		err := c.Access.MayFromConsole(ctx, wish)
		if err == nil {
			return in, nil
		}
		if why == nil || errors.Is(err, access.ErrUnsure) {
			why = err // that somebody may not is only known when nobody was silent
		}
	}
	return open[0], why
}

func wishOf(s signin.Session, one snapshot.Container, in incidents.Incident) access.Wish {
	return access.Wish{Who: access.Person{SlackID: s.SlackID}, Labels: one.Settings.Labels, Incident: in}
}

// whoMay puts a denial in words.
func whoMay(err error) string {
	var d *access.Denial
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &d) || d.Unsure != nil:
		return "Slack or PagerDuty doesn't say whether you may restore it. Try again in a minute."
	case d.Why == access.NobodyMay:
		return "Its labels let nobody restore it."
	case d.Why == access.OffCall && len(d.Names) > 0:
		return "Only who is on call may restore it: " + strings.Join(d.Names, ", ") + "."
	case d.Why == access.OffCall, d.Why == access.NoService:
		return "Only who is on call may restore it."
	case d.Why == access.NotListed:
		return "Only those whom snapback.restore.allow names may restore it."
	case d.Why == access.OtherChannel:
		return "Only members of its Slack channel may restore it. Join the channel."
	}
	return "Nothing may be done with your Slack account."
}

// incidentsOf are the open incidents of the container's services, newest first.
func (c *Console) incidentsOf(ctx context.Context, one snapshot.Container) ([]incidents.Incident, error) {
	if len(one.Settings.PagerDutyServices) == 0 {
		return nil, nil
	}
	return c.Data.OpenIncidents(ctx, one.Settings.PagerDutyServices)
}

func (c *Console) history(ctx context.Context, v *pageView, s signin.Session, key string, seen sight) error {
	deploys, err := c.Data.Deploys(ctx, []string{key}, shownDeploys)
	if err != nil {
		return err
	}
	together, err := c.Data.Together(ctx, deploys...)
	if err != nil {
		return err
	}
	names := c.seenAmong(ctx, s, together, seen)
	for _, d := range deploys {
		v.Deploys = append(v.Deploys, changeView{At: d.At, Changes: words(d.Changes), Snapshot: d.Snapshot, Together: inOneDeploy(together[d.ID], names)})
	}
	shells, err := c.Data.ShellsIn(ctx, key, shownShells)
	if err != nil {
		return err
	}
	for _, one := range shells {
		v.Shells = append(v.Shells, shellView{one.Recording, one.By, one.StartedAt, one.EndedAt})
	}
	last, err := c.Data.LastRestoresOf(ctx, key)
	if err != nil {
		return err
	}
	for i, r := range last {
		switch recent := c.now().Sub(r.RequestedAt) < restoreTold; {
		case recent && i == 0:
			v.Restore = standing(r, deploys, c.now())
			if p := c.Restorer.Progress(r.ID); p != nil && !v.Restore.Over {
				v.Restore.Says += " · " + p.String()
			}
		case recent && r.State == restore.Verified:
			v.Stands = standing(r, deploys, c.now())
		}
	}
	return nil
}

// seenAmong are the names, by their keys, of the containers of deploys that somebody is known to see.
func (c *Console) seenAmong(ctx context.Context, s signin.Session, deploys map[int64][]snapshot.Deploy, seen sight) map[string]string {
	names := map[string]string{}
	for _, list := range deploys {
		for _, d := range list {
			names[d.Key] = ""
		}
	}
	for _, one := range seen.containers {
		if _, of := names[one.is.Key]; !of {
			continue
		}
		if ok, err := c.sees(ctx, s, one.is); ok && err == nil {
			names[one.is.Key] = one.view.Name
		}
	}
	return names
}

// inOneDeploy names those of deploys that have a name.
func inOneDeploy(deploys []snapshot.Deploy, names map[string]string) string {
	var out []string
	for _, d := range deploys {
		if name := names[d.Key]; name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return snapshot.Names(out)
}

func words(changes []snapshot.Change) []string {
	out := []string{}
	for _, ch := range snapshot.Brief(changes) {
		out = append(out, ch.String())
	}
	return out
}

// standing is viewOfRestore of one that a later deploy may have replaced, whose undo would be refused then; deploys are the newest first.
func standing(r restore.Restore, deploys []snapshot.Deploy, now time.Time) *restoreView {
	v := viewOfRestore(r, now)
	if len(deploys) > 0 && r.ReplacedBy(deploys[0]) {
		v.Says, v.Undoable = r.Replaced(deploys[0]), false
	}
	return v
}

func viewOfRestore(r restore.Restore, now time.Time) *restoreView {
	v := &restoreView{
		ID: r.ID, State: r.State.String(), Over: r.State.Final(), Good: r.State == restore.Verified, Says: r.Sentence(r.State),
		By: r.By.Actor.Name, At: r.EnteredAt,
		Undo:     r.Kind == restore.Undoing,
		Undoable: r.State == restore.Verified && r.UndoneByID == 0 && r.KeptUntil.After(now),
	}
	if r.UndoneByID != 0 {
		v.Says += ". Undone since"
	}
	return v
}
