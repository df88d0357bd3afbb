package terminal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/snapback/snapback/access"
)

// Seats knows who is signed in to the console; console.Seats does.
type Seats interface {
	// Seated is the ID of the console's session that a request bears. It returns ErrSignedOut.
	Seated(r *http.Request) (id string, err error)
}

// SeatStore keeps sessions that were opened in the console. They have no cookie of their own: whoever asks for one by its ID must be
// in the same session of the console.
type SeatStore interface {
	OpenSeat(ctx context.Context, s Session) error
	// SeatsOf returns the open sessions of a session of the console, oldest first.
	SeatsOf(ctx context.Context, console string) ([]Session, error)
}

// seated says whether a session was opened in the console, and not by a link.
func (s Session) seated() bool { return s.Person.Via.Console != "" }

// Seat opens a session for somebody who is in the console, until then at most, and returns its ID. Who has one for that container goes
// on in it. It returns ErrBadGrant, what Gate returns, and ErrNotRecorded.
func (s *Service) Seat(ctx context.Context, g access.Grant, until time.Time) (string, error) {
	if !g.Valid() || g.Person.Via.Console == "" {
		return "", ErrBadGrant
	}
	if err := s.maySeat(ctx, g); err != nil {
		return "", fmt.Errorf("checking the permission: %w", err)
	}
	id, err := s.seatBefore(ctx, g)
	if id != "" || err != nil {
		return id, err
	}
	now := s.now()
	sess := Session{ID: rand.Text(), Grant: g, OpenedAt: now, LastSeenAt: now, ExpiresAt: earlier(now.Add(s.cfg.MaxLife), until)}
	sess.Person.Email = ""
	if err := s.cfg.Store.OpenSeat(ctx, sess); err != nil {
		return "", err
	}
	s.cfg.Observe("session_opened", string(sess.Mode))
	return sess.ID, s.recordOpened(ctx, sess, "opened the terminal of "+sess.Name)
}

// maySeat asks the gate where it can tell. For a container of another bot's, what the console has just asked has to do: that one asks its
// own gate before it shows anything.
func (s *Service) maySeat(ctx context.Context, g access.Grant) error {
	if s.cfg.Peers != nil {
		if beyond, err := s.cfg.Peers.Beyond(ctx, g.Container); err != nil || len(beyond) > 0 {
			return err
		}
	}
	return s.cfg.Gate.Check(ctx, g)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// seatBefore is the session that somebody has for a container already; "" when there is none. One for something else that they may
// now ends: a shell that runs in it keeps it, since nothing may take that from under somebody's fingers. It keeps it beside another one, whose
// logs begin at a restore.
func (s *Service) seatBefore(ctx context.Context, g access.Grant) (string, error) {
	open, err := s.cfg.Store.SeatsOf(ctx, g.Person.Via.Console)
	if err != nil {
		return "", err
	}
	asked := s.now()
	for _, sess := range open {
		if sess.Container != g.Container || s.overdue(sess, asked) != "" {
			continue
		}
		shell, err := s.hasShell(ctx, sess)
		if err != nil {
			return "", err
		}
		same := sess.Mode == g.Mode && (sess.IncidentID == g.IncidentID || shell)
		if same && (sess.LogsSince.Equal(g.LogsSince) || shell && g.LogsSince.IsZero()) {
			_, err := s.cfg.Store.Touch(ctx, sess.ID, asked)
			return sess.ID, err
		}
		if same && shell {
			continue
		}
		if err := s.end(ctx, sess, ReasonReopened); err != nil {
			return "", err
		}
	}
	return "", nil
}

// Shelled is the open session in which somebody in that session of the console may have a shell in a container; "" when there is none. It
// is where they go on while nobody can say whether they still may: that is no refusal, and the session has its own patience with it.
func (s *Service) Shelled(ctx context.Context, console, container string) (string, error) {
	open, err := s.cfg.Store.SeatsOf(ctx, console)
	if err != nil {
		return "", err
	}
	asked := s.now()
	for _, sess := range open {
		if sess.Container == container && sess.Mode == access.ModeShell && s.overdue(sess, asked) == "" {
			_, err := s.cfg.Store.Touch(ctx, sess.ID, asked)
			return sess.ID, err
		}
	}
	return "", nil
}

// runsShell says whether a session has a shell on this bot.
func (s *Service) runsShell(id string) bool {
	s.mu.Lock()
	l := s.live[id]
	s.mu.Unlock()
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shell != nil
}

// Unseat ends all that was opened in a session of the console which is over: on this bot at once, on others within seconds.
func (s *Service) Unseat(ctx context.Context, console string) error {
	open, err := s.cfg.Store.SeatsOf(ctx, console)
	if err != nil {
		return err
	}
	var errs []error
	for _, sess := range open {
		errs = append(errs, s.end(ctx, sess, ReasonSignedOut))
	}
	return errors.Join(errs...)
}

// seat is the session that a request names, for whoever is in the session of the console that it belongs to. It returns ErrNoSession
// for one that a link has opened, which is asked for by its cookie, and ErrSignedOut.
func (s *Service) seat(r *http.Request) (Session, error) {
	id := r.URL.Query().Get("session")
	if id == "" || s.cfg.Seats == nil {
		return Session{}, ErrNoSession
	}
	sess, err := s.cfg.Store.Touch(r.Context(), id, time.Time{})
	if err == nil && !sess.seated() {
		err = ErrNoSession
	}
	if err != nil {
		return Session{}, err
	}
	console, err := s.cfg.Seats.Seated(r)
	if err == nil && console != sess.Person.Via.Console {
		err = ErrNoSession
	}
	return sess, err
}
