package signin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// Minted is a link as its person gets it, and nobody else.
type Minted struct {
	URL       string
	ExpiresAt time.Time // UTC
}

// MintInSlack makes a link for whoever has asked for it in Slack.
func (s *Service) MintInSlack(ctx context.Context, who access.Person, from incidents.Source) (Minted, error) {
	actor := incidents.Actor{Kind: incidents.Person, SlackID: who.SlackID, PagerDutyID: who.PagerDutyID, Name: who.Name}
	return s.mint(ctx, who, "slack", SlackLinkLife, actor, from)
}

// MintOnHost makes a link for a person who is named by whoever has the host.
func (s *Service) MintOnHost(ctx context.Context, slackID, name string) (Minted, error) {
	who := access.Person{SlackID: slackID, Name: name}
	actor := incidents.Actor{Kind: incidents.Bot, Name: "snapback person add"}
	return s.mint(ctx, who, "host", HostLinkLife, actor, incidents.Source{System: "snapback"})
}

func (s *Service) mint(ctx context.Context, who access.Person, by string, life time.Duration, actor incidents.Actor, from incidents.Source) (Minted, error) {
	if err := Passkeys(s.site); err != nil {
		return Minted{}, err
	}
	token, handle, now := rand.Text()+rand.Text(), make([]byte, 32), s.now()
	_, _ = rand.Read(handle)
	l := Link{SlackID: who.SlackID, Handle: handle, MadeBy: by, MadeAt: now, ExpiresAt: now.Add(life).Truncate(time.Second)}
	e := s.entry(incidents.KindSigninLink, "A link that registers a passkey was made for "+calledBy(who)+", until "+l.ExpiresAt.In(s.Zone).Format("15:04"),
		actor, map[string]any{"slack_id": who.SlackID, "expires_at": l.ExpiresAt, "made_by": by})
	e.Source = from
	if err := s.Store.AddLink(ctx, hash(token), l, e); err != nil {
		return Minted{}, err
	}
	return Minted{URL: s.site.Origin + "/#register=" + token, ExpiresAt: l.ExpiresAt}, nil
}

func calledBy(p access.Person) string {
	if p.Name == "" {
		return p.SlackID
	}
	return p.Name
}

func (s *Service) entry(kind incidents.Kind, summary string, actor incidents.Actor, details map[string]any) incidents.Entry {
	doc, err := incidents.Details(details)
	if err != nil { // they are strings, times and bytes
		s.Logger.Error("details of an entry", "err", err)
	}
	return incidents.Entry{Kind: kind, Summary: summary, OccurredAt: s.now(), Actor: actor, Details: doc, Source: incidents.Source{System: "snapback"}}
}

// short names a passkey on the timeline and to people.
func short(id []byte) string {
	return base64.RawURLEncoding.EncodeToString(hash(string(id))[:6])
}

// Short is how a passkey is named to people: its own ID is long, and its own business.
func (p Passkey) Short() string { return short(p.ID) }
