package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// How long a link may live.
const (
	minLink = 10 * time.Second
	maxLink = 10 * time.Minute
)

func (a *API) mintLink(w http.ResponseWriter, r *http.Request) error {
	ask, container, err := linkAsk(r)
	if err != nil {
		return err
	}
	if ask.Incident, err = a.incident(r); err != nil {
		return err
	}
	if !ask.Incident.Open() {
		return errResolved
	}
	if ask.Container, err = a.linkContainer(r.Context(), ask.Incident, container); err != nil {
		return err
	}
	ask.By, ask.TokenID = by(r, ask.Incident.ID, ""), traceOf(r).token.ID
	if err := a.recordLinkAsk(r.Context(), ask); err != nil {
		return err
	}
	link, err := a.link(r.Context(), ask)
	if err != nil {
		return fmt.Errorf("making a terminal link: %w", err)
	}
	return respond(w, http.StatusCreated, wire.Link{URL: link.URL, ExpiresAt: link.ExpiresAt.UTC()})
}

// linkWish is the wish for a terminal link. That the token may is checked; that it is the person's own wish is its holder's
// word.
type linkWish struct {
	Incident  incidents.Incident
	Container snapshot.Container
	Person    incidents.Actor // kind Token when nobody was named
	Mode      access.Mode
	TTL       time.Duration // 0: the default
	Since     time.Time     // where logs begin; zero: not said
	TokenID   string        // of the token that asks
	By        snapshot.By
}

// link asks whether a person who is named may, and makes the link.
func (a *API) link(ctx context.Context, ask linkWish) (access.Link, error) {
	who := access.Person{SlackID: ask.Person.SlackID, PagerDutyID: ask.Person.PagerDutyID, Name: ask.Person.Name}
	via := access.Via{TokenID: ask.TokenID, Token: ask.By.Actor.Name}
	labels := ask.Container.Settings.Labels
	if ask.Person.Kind == incidents.Person {
		var err error
		via.Channel, err = a.deps.Access.MayBeNamed(ctx, access.Wish{Who: who, Labels: labels, Incident: ask.Incident, Shell: ask.Mode == access.ModeShell})
		if err != nil {
			return access.Link{}, err
		}
	}
	if err := labels.Allows(ask.Mode); err != nil {
		return access.Link{}, err
	}
	return a.deps.Terminals.Mint(ctx, access.Grant{
		Person: access.Holder{Person: who, Via: via}, IncidentID: ask.Incident.ID,
		Container: ask.Container.Key, Name: ask.Container.Called(), Mode: ask.Mode, LogsSince: ask.Since,
	}, ask.TTL)
}

// recordLinkAsk writes which token wants a link. The link's own entries name the person it is for, whom the token's holder
// has chosen.
func (a *API) recordLinkAsk(ctx context.Context, ask linkWish) error {
	details, err := incidents.Details(map[string]any{"container": ask.Container.Name, "mode": ask.Mode, "person": ask.Person})
	if err != nil {
		return err
	}
	_, err = a.deps.Incidents.Record(ctx, incidents.Entry{
		IncidentID: ask.Incident.ID, OccurredAt: time.Now(), Kind: incidents.KindTerminalAsked, Actor: ask.By.Actor, Source: ask.By.Source,
		Summary: fmt.Sprintf("The token %s asked for a terminal link to %s (%s)", ask.By.Actor.Name, ask.Container.Name, ask.Mode),
		Details: details,
	})
	if err != nil {
		return fmt.Errorf("writing who asked for a terminal link: %w", err)
	}
	return nil
}

func linkAsk(r *http.Request) (ask linkWish, container string, err error) {
	var in wire.LinkAsk
	if err := decode(r, &in); err != nil {
		return ask, "", err
	}
	ask.Mode = cmp.Or(access.Mode(in.Mode), access.ModeLogs)
	if ask.Mode != access.ModeLogs && ask.Mode != access.ModeShell {
		return ask, "", malformed("mode is logs or shell.")
	}
	ask.Since = in.LogsSince
	if ask.Person, err = linkPerson(r, in.Person); err != nil {
		return ask, "", err
	}
	ask.TTL, err = duration("expires_in", in.ExpiresIn, minLink, maxLink)
	return ask, in.Container, err
}

// linkPerson is whom the link is for: a named person, or whoever holds the token.
func linkPerson(r *http.Request, p *wire.Person) (incidents.Actor, error) {
	if p == nil {
		return incidents.Actor{Kind: incidents.Token, Name: traceOf(r).token.Name}, nil
	}
	if p.SlackID == "" && p.PagerDutyID == "" {
		return incidents.Actor{}, malformed("person needs a slack_id or a pagerduty_id: a name alone is nobody.")
	}
	for _, s := range []string{p.SlackID, p.PagerDutyID, p.Name} {
		if err := sentence("person", s); err != nil {
			return incidents.Actor{}, err
		}
	}
	return incidents.Actor{Kind: incidents.Person, SlackID: p.SlackID, PagerDutyID: p.PagerDutyID, Name: cmp.Or(p.Name, p.SlackID, p.PagerDutyID)}, nil
}

// ofIncident is the named container if it is one that the incident is about, since a terminal ends with its incident.
func ofIncident(all, about []snapshot.Container, ref string) (snapshot.Container, error) {
	c, err := Resolve(all, ref)
	if err != nil || len(about) == 0 { // nobody names its service: then it is for people to know
		return c, err
	}
	if !slices.ContainsFunc(about, func(a snapshot.Container) bool { return a.Key == c.Key }) {
		return c, &refusal{
			err: errOtherService, names: names(about),
			detail: fmt.Sprintf("The incident is about %s, not about %s. Open the terminal within an incident of its own service.", strings.Join(names(about), ", "), c.Name),
		}
	}
	return c, nil
}

// linkContainer is the named container, or the only one that names the incident's PagerDuty service.
func (a *API) linkContainer(ctx context.Context, i incidents.Incident, ref string) (snapshot.Container, error) {
	all, err := a.containers(ctx)
	if err != nil {
		return snapshot.Container{}, err
	}
	found := choose(all, func(c snapshot.Container) bool { return slices.Contains(c.Settings.PagerDutyServices, i.ServiceID) })
	if ref != "" {
		return ofIncident(all, found, ref)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return snapshot.Container{}, &refusal{
			err: snapshot.ErrUnknownContainer, names: names(all),
			detail: "No enabled container names the incident's PagerDuty service. Say which one in container. " + listing("There are", names(all)),
		}
	}
	return snapshot.Container{}, &refusal{
		err: snapshot.ErrAmbiguous, names: names(found),
		detail: fmt.Sprintf("Several containers name the incident's PagerDuty service. Say which one in container: %s.", strings.Join(names(found), ", ")),
	}
}
