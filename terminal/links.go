package terminal

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// The lifetimes of a link.
const (
	DefaultLinkTTL = 5 * time.Minute
	MaxLinkTTL     = 10 * time.Minute
)

// Mint makes a link for a person whose permission the caller has verified. A ttl of 0 is DefaultLinkTTL.
// ErrBadGrant when the grant is incomplete, or the ttl negative or over MaxLinkTTL. The link is on the timeline before it exists.
func (s *Service) Mint(ctx context.Context, g access.Grant, ttl time.Duration) (access.Link, error) {
	if ttl == 0 {
		ttl = DefaultLinkTTL
	}
	if !g.Valid() || ttl < 0 || ttl > MaxLinkTTL {
		return access.Link{}, ErrBadGrant
	}
	expires := s.now().Add(ttl).Truncate(time.Second)
	c := claims{
		Nonce: rand.Text(), Person: g.Person, Incident: g.IncidentID,
		Container: g.Container, Name: g.Name, Mode: g.Mode, Expires: expires.Unix(),
	}
	if !g.LogsSince.IsZero() {
		c.Since = g.LogsSince.Unix()
	}
	// The address is for the timeline, which has it from the person's record; a link travels through chat.
	c.Person.Email = ""
	token, kid, err := sign(s.cfg.Ring, c)
	if err != nil {
		return access.Link{}, err
	}
	if err := s.recordLink(ctx, g, expires); err != nil {
		return access.Link{}, err
	}
	if err := s.cfg.Store.CreateLink(ctx, hash(token), kid, g, expires); err != nil {
		return access.Link{}, fmt.Errorf("storing the link: %w", err)
	}
	return access.Link{URL: s.page.Origin + "/t#" + token, ExpiresAt: expires}, nil
}

func (s *Service) recordLink(ctx context.Context, g access.Grant, expires time.Time) error {
	what := "logs"
	if g.Mode == access.ModeShell {
		what = "logs and a shell"
	}
	summary := fmt.Sprintf("Terminal link for %s: %s of %s, until %s", g.Person.Name, what, g.Name, s.clock(expires))
	return s.record(ctx, g, incidents.KindTerminalLink, summary, map[string]any{"container": g.Container, "mode": g.Mode, "expires_at": expires})
}

// record adds the entry, or says that nothing was done.
func (s *Service) record(ctx context.Context, g access.Grant, kind incidents.Kind, summary string, details map[string]any) error {
	e, err := entryOf(g, kind, summary, details)
	if err != nil {
		return err
	}
	if _, err := s.cfg.Timeline.Record(ctx, e); err != nil {
		return fmt.Errorf("recording %s on the timeline: %w", kind, err)
	}
	return nil
}

func entryOf(g access.Grant, kind incidents.Kind, summary string, details map[string]any) (incidents.Entry, error) {
	doc, err := incidents.Details(details)
	return incidents.Entry{
		IncidentID: g.IncidentID, Kind: kind, Summary: summary, Details: doc,
		Actor: g.Person.Actor(), Source: sourceOf(g.Person.Via),
	}, err
}

// sourceOf says where somebody has done what they do in a terminal.
func sourceOf(via access.Via) incidents.Source {
	if via.Console != "" {
		return incidents.Source{System: "console"}
	}
	return incidents.Source{System: "snapback", URL: via.Tap}
}
