package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Terminals opens a container's logs and a shell for whoever is signed in; *terminal.Service does.
type Terminals interface {
	// Seat opens a session until then at most, and returns its ID. It returns what the gate returns, and what is wrong with the store.
	Seat(ctx context.Context, g access.Grant, until time.Time) (string, error)
	// Shelled is the open session in which somebody has a shell in a container already, or may; "" when there is none.
	Shelled(ctx context.Context, session, container string) (string, error)
	// Unseat ends all that was opened in a session of the console.
	Unseat(ctx context.Context, session string) error
}

// terminalView is a session of the terminal's page, by its ID. It is no secret: whoever asks for it must be signed in here.
type terminalView struct {
	Session string `json:"session"`
	Unsure  bool   `json:"unsure,omitempty"` // logs alone, since nobody could say whether they may have a shell
}

// terminal opens a container's logs, with a shell for whoever may have one. Where the page names a restore of it, they begin at that.
func (c *Console) terminal(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	var ask wanted
	if err := decode(w, r, &ask); err != nil {
		return err
	}
	one, _, err := c.mine(r.Context(), s, ask.Key)
	if err != nil {
		return err
	}
	since, err := c.sinceRestore(r.Context(), ask)
	if err != nil {
		return err
	}
	view, err := c.seat(r.Context(), s, one.is, since)
	if err != nil {
		return err
	}
	return c.ok(w, view)
}

// sinceRestore is when the restore that a page names was asked for, to the second; zero: it names none. It returns ErrUnknownRestore.
func (c *Console) sinceRestore(ctx context.Context, ask wanted) (time.Time, error) {
	if ask.Restore == 0 {
		return time.Time{}, nil
	}
	r, err := c.Data.Restore(ctx, ask.Restore)
	if err == nil && r.Key != ask.Key {
		err = snapshot.ErrUnknownRestore
	}
	return r.RequestedAt.Truncate(time.Second), err
}

// seat is the session for the most that somebody may open of a container. While nobody can say whether they may have a shell, who has one
// keeps it: logs alone would end it.
func (c *Console) seat(ctx context.Context, s signin.Session, one snapshot.Container, since time.Time) (terminalView, error) {
	in, shell := c.withinFor(ctx, s, one, true)
	unsure := errors.Is(shell, access.ErrUnsure)
	if unsure {
		if id, err := c.Terminals.Shelled(ctx, s.ID, one.Key); id != "" || err != nil {
			return terminalView{Session: id}, err
		}
	}
	g, err := c.grant(ctx, s, one, in, shell)
	if err != nil {
		return terminalView{}, err
	}
	g.LogsSince = since
	id, err := c.Terminals.Seat(ctx, g, s.ExpiresAt)
	return terminalView{Session: id, Unsure: unsure}, err
}

// grant is the most that somebody may open of a container: a shell with the logs, within an incident, or when that is an error the logs. A
// refusal is on the timeline.
func (c *Console) grant(ctx context.Context, s signin.Session, one snapshot.Container, in incidents.Incident, err error) (access.Grant, error) {
	g := access.Grant{
		Person:    access.Holder{Person: access.Person{SlackID: s.SlackID, Name: s.Name}, Via: access.Via{Console: s.ID}},
		Container: one.Key, Name: one.Called(), Mode: access.ModeShell,
	}
	if err != nil {
		g.Mode = access.ModeLogs
		in, err = c.within(ctx, s, one)
	}
	if g.IncidentID = in.ID; err == nil {
		return g, nil
	}
	err = c.denied(ctx, snapshot.By{Actor: actorOf(s), Incident: in.ID, Source: incidents.Source{System: "console"}}, "open the logs of "+one.Called(), err)
	if said := (*saidError)(nil); errors.As(err, &said) {
		err = &saidError{said.status, said.code, "Logs are for those who may restore it. " + said.says}
	}
	return g, err
}

// Seats tells the terminal's page who is signed in here.
type Seats struct{ Door Door }

// Seated is the ID of the session of the console that a request bears. It returns access.ErrSignedOut.
func (s Seats) Seated(r *http.Request) (string, error) {
	sess, err := s.Door.Current(r.Context(), pageAt(s.Door.Site()).CookieOf(r), false)
	if errors.Is(err, signin.ErrNoSession) || errors.Is(err, signin.ErrOver) {
		err = fmt.Errorf("%w: %w", access.ErrSignedOut, err)
	}
	return sess.ID, err
}
