package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/snapshot"
)

// homeView is what Home shows to one person. Times are UTC.
type homeView struct {
	Name       string          `json:"name"`
	Incidents  []incidentView  `json:"incidents"` // that are open
	Containers []containerView `json:"containers"`
	Resolved   []resolvedView  `json:"resolved,omitempty"` // lately, the last one first
	Hidden     int             `json:"hidden"`             // containers that are not this person's
	Trouble    string          `json:"trouble,omitempty"`  // what could not be looked up, as a sentence
}

type incidentView struct {
	ID             int64            `json:"id"`
	Number         int64            `json:"number"`
	Title          string           `json:"title"`
	Service        string           `json:"service"`
	Status         incidents.Status `json:"status"`
	OpenedAt       time.Time        `json:"opened_at"`
	AcknowledgedBy string           `json:"acknowledged_by,omitempty"`
	AcknowledgedAt time.Time        `json:"acknowledged_at,omitzero"`
	RestoredAt     time.Time        `json:"restored_at,omitzero"`
	FlatAt         time.Time        `json:"flat_at,omitzero"`
}

type containerView struct {
	Key       string      `json:"key"`
	Name      string      `json:"name"`
	Service   string      `json:"service,omitempty"`
	Image     string      `json:"image"`
	State     string      `json:"state"`
	Health    string      `json:"health,omitempty"`
	Tasks     string      `json:"tasks,omitempty"` // of a service of a Swarm, such as "3 of 5 tasks"
	StartedAt time.Time   `json:"started_at,omitzero"`
	Elsewhere bool        `json:"elsewhere,omitempty"`
	Incident  int64       `json:"incident,omitempty"` // an open one that is this container's
	Deploy    *deployView `json:"deploy,omitempty"`
	Errors    *errorsView `json:"errors,omitempty"` // nil: nobody counts them
}

type deployView struct {
	At     time.Time `json:"at"`
	Line   string    `json:"line"`             // what it changed, secrets masked
	Undone string    `json:"undone,omitempty"` // the snapshot by which a restore has undone it
}

// errorsView is errors a minute: of the last minutes together, and of each of the last half hour.
type errorsView struct {
	Rate    float64    `json:"rate"`
	Minutes []*float64 `json:"minutes"` // oldest first; null: not counted
}

func (c *Console) home(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	seen, err := c.board.look(r.Context(), c)
	if err != nil {
		return err
	}
	return c.ok(w, map[string]any{"at": seen.at, "view": c.homeOf(r.Context(), seen, s)})
}

// homeOf leaves out what is not for this person.
func (c *Console) homeOf(ctx context.Context, seen sight, s signin.Session) homeView {
	v := homeView{Name: s.Name, Incidents: []incidentView{}, Containers: []containerView{}, Trouble: seen.trouble}
	mine := map[string]bool{} // PagerDuty services whose containers they see
	for _, one := range seen.containers {
		ok, err := c.sees(ctx, s, one.is)
		if err != nil {
			v.Trouble = unsaid
		}
		if !ok {
			v.Hidden++
			continue
		}
		for _, service := range one.is.Settings.PagerDutyServices {
			mine[service] = true
		}
		v.Containers = append(v.Containers, one.view)
	}
	for _, in := range seen.incidents {
		is, err := mine[in.ServiceID], error(nil)
		if !is {
			is, err = c.told(ctx, s, seen, in)
		}
		if err != nil {
			v.Trouble = unsaid
		}
		if is {
			v.Incidents = append(v.Incidents, viewOfIncident(in))
		}
	}
	v.Resolved = c.resolvedFor(ctx, s, seen, mine)
	return v
}

const unsaid = "Slack or PagerDuty doesn't say what you may see. What is missing here may still be running."

// sees says whether a container is shown to somebody: to whoever hears of it in its channel, and to whom its labels permit
// something. An error says that it could not be found out: access.ErrUnsure, or the database's.
func (c *Console) sees(ctx context.Context, s signin.Session, one snapshot.Container) (bool, error) {
	in, unknown := c.Access.InChannel(ctx, s.SlackID, c.Access.Home(one.Settings.Labels))
	if in {
		return true, nil
	}
	err := c.Access.MayFromConsole(ctx, access.Wish{Who: access.Person{SlackID: s.SlackID}, Labels: one.Settings.Labels})
	if err == nil || unknown == nil && !errors.Is(err, access.ErrUnsure) {
		return err == nil, nil
	}
	return false, unsure(errors.Join(unknown, err))
}

// unsure says of somebody's silence that it is no answer: neither yes nor no. A database that is away says that itself.
func unsure(err error) error {
	if err == nil || errors.Is(err, snapshot.ErrJournalAway) {
		return err
	}
	return &access.Denial{Why: access.OtherChannel, Unsure: err}
}

// told says whether somebody is where the alert of an incident stands, or will. An error says that it could not be found out:
// access.ErrUnsure, or the database's.
func (c *Console) told(ctx context.Context, s signin.Session, seen sight, in incidents.Incident) (bool, error) {
	channel, err := c.Access.Stands(ctx, in)
	if err != nil {
		return false, err
	}
	var unknown error
	for _, channel := range c.stands(seen, in, channel) {
		is, err := c.Access.InChannel(ctx, s.SlackID, channel)
		if is {
			return true, nil
		}
		unknown = errors.Join(unknown, err)
	}
	return false, unsure(unknown)
}

// stands is where the alert of an incident stands: in the channel of its message or, when that is not posted yet, where it can go: to the
// channels of the containers that name its service, and to the default one if none of them names any.
func (c *Console) stands(seen sight, in incidents.Incident, channel string) (channels []string) {
	if channel != "" {
		return []string{channel}
	}
	for _, one := range seen.containers {
		if one.is.Settings.Names(in.ServiceID) && one.is.Settings.SlackChannel != "" {
			channels = append(channels, one.is.Settings.SlackChannel)
		}
	}
	if len(channels) == 0 {
		return []string{c.Access.Home(access.Labels{})}
	}
	return channels
}

func viewOfIncident(in incidents.Incident) incidentView {
	v := incidentView{
		ID: in.ID, Number: in.Number, Title: in.Title, Service: in.Service, Status: in.Status, OpenedAt: in.OpenedAt,
		RestoredAt: in.RestoredAt, FlatAt: in.FlatAt,
	}
	if in.Status == incidents.Acknowledged {
		v.AcknowledgedBy, v.AcknowledgedAt = in.LastAcknowledgement()
	}
	return v
}

func viewOfContainer(one snapshot.Container, d *deployView, counted map[string][]flat.Minute, open []incidents.Incident, now time.Time) containerView {
	v := containerView{
		Key: one.Key, Name: one.Called(), Service: one.Service, Image: one.Image, State: one.State, Health: one.Health,
		StartedAt: one.StartedAt, Elsewhere: one.Elsewhere, Errors: errorsOf(counted[one.Key], now),
	}
	v.Deploy = d
	if n := one.Tasks; n != nil {
		v.Tasks = fmt.Sprintf("%d of %d tasks", n.Running, n.Want)
	}
	if i := slices.IndexFunc(open, func(in incidents.Incident) bool { return one.Settings.Names(in.ServiceID) }); i >= 0 {
		v.Incident = open[i].ID
	}
	return v
}

const (
	shownMinutes  = 30
	recentMinutes = 3
)

func errorsOf(minutes []flat.Minute, now time.Time) *errorsView {
	if len(minutes) == 0 {
		return nil
	}
	v := errorsView{Minutes: make([]*float64, shownMinutes)}
	first := now.Truncate(time.Minute).Add(-(shownMinutes - 1) * time.Minute)
	var errs, read float64
	for _, m := range minutes {
		i := int(m.At.Sub(first) / time.Minute)
		if m.At.Before(first) || i >= shownMinutes || m.Exposure() <= 0 {
			continue
		}
		rate := round(m.Rate())
		v.Minutes[i] = &rate
		if i >= shownMinutes-recentMinutes {
			errs, read = errs+m.Errors, read+m.Exposure()
		}
	}
	if read == 0 {
		return nil // not now
	}
	v.Rate = round(errs * 60 / read)
	return &v
}

// round keeps one digit below ten, which is all that anybody reads.
func round(rate float64) float64 {
	if rate >= 10 {
		return float64(int64(rate + 0.5))
	}
	return float64(int64(rate*10+0.5)) / 10
}

// order puts first what was deployed last; who is gone comes last.
func order(all []shown) {
	at := func(s shown) time.Time {
		if s.view.Deploy == nil {
			return time.Time{}
		}
		return s.view.Deploy.At
	}
	slices.SortStableFunc(all, func(x, y shown) int {
		return cmp.Or(snapshot.CompareGone(x.is, y.is), at(y).Compare(at(x)), strings.Compare(x.view.Name, y.view.Name))
	})
}
