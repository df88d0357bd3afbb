package terminal

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/snapback/snapback/access"
)

/*
A shell is in the memory of one bot, also where several reach its container. Whoever comes to another one is led there: the pages of the
session whose shell it is, and those of other sessions of the container that may watch it. The table of shells says which bot that is.

A bot that can't be reached leads nobody anywhere: the session then goes on where its page has come to, without that shell.
*/

// callHolder is how long a bot may take to answer that has a shell. After that the page is shown the container without it.
const callHolder = 1500 * time.Millisecond

// callAgain is how long a bot with a shell that could not be reached is left alone by a page that stands open.
const callAgain = 15 * time.Second

// errLed ends the pages of a session at a bot once it belongs to another one.
var errLed = errors.New("the shell is at another bot")

// held are the shells in a container that some bot holds.
func (s *Service) held(ctx context.Context, container string) ([]ShellRecord, error) {
	return s.cfg.Store.HeldShells(ctx, container, s.now().Add(-staleAfter))
}

// hasShell says whether a session has a shell, at this bot or another one.
func (s *Service) hasShell(ctx context.Context, sess Session) (bool, error) {
	if s.runsShell(sess.ID) {
		return true, nil
	}
	held, err := s.held(ctx, sess.Container)
	return slices.ContainsFunc(held, s.ownElsewhere(sess)), err
}

func (s *Service) ownElsewhere(sess Session) func(ShellRecord) bool {
	return func(sh ShellRecord) bool { return sh.SessionID == sess.ID && sh.Bot != s.cfg.Bot }
}

// holder is the other bot that a session belongs to, because its shell is there, or else one that it may watch; "": it belongs here.
func (s *Service) holder(ctx context.Context, sess Session) string {
	if s.cfg.Peers == nil || sess.Mode != access.ModeShell || s.runsShell(sess.ID) {
		return ""
	}
	held, err := s.held(ctx, sess.Container)
	if err != nil || len(held) == 0 { // while the database is away, the session stays where it is
		return ""
	}
	if i := slices.IndexFunc(held, s.ownElsewhere(sess)); i >= 0 {
		return held[i].Bot
	}
	if slices.ContainsFunc(held, func(sh ShellRecord) bool { return sh.Bot == s.cfg.Bot }) {
		return ""
	}
	i := slices.IndexFunc(held, func(sh ShellRecord) bool { return sh.Bot != "" }) // the release before did not say which
	if i < 0 {
		return ""
	}
	return held[i].Bot
}

// reachHolder connects to a bot that holds a shell. It returns nil when it can't be reached.
func (s *Service) reachHolder(ctx context.Context, bot string) (Peer, net.Conn) {
	if bot == "" {
		return Peer{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callHolder)
	defer cancel()
	p, err := s.cfg.Peers.Named(ctx, bot)
	if err != nil {
		return p, nil
	}
	return p, s.dial(ctx, p).conn
}

func (s *Service) reachesHolder(ctx context.Context, bot string) bool {
	_, conn := s.reachHolder(ctx, bot)
	if conn == nil {
		return false
	}
	_ = conn.Close()
	return true
}

// lookForShell sends the pages of a session away that belongs to another bot, once that one can be reached. Only the session's watch calls it.
func (l *live) lookForShell() {
	l.mu.Lock()
	nobody := l.viewers == 0
	l.mu.Unlock()
	if nobody {
		return
	}
	bot := l.svc.holder(l.ctx, l.sess)
	now := l.svc.now()
	if bot == l.tried && now.Sub(l.triedAt) < callAgain {
		return
	}
	l.tried, l.triedAt = bot, now
	if l.svc.reachesHolder(l.ctx, bot) {
		l.stop(errLed)
	}
}

// notElsewhere returns errLed when the session has a shell at another bot that can be reached, and leads its pages there.
func (l *live) notElsewhere(ctx context.Context) error {
	held, err := l.svc.held(ctx, l.sess.Container)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(held, l.svc.ownElsewhere(l.sess))
	if i < 0 || l.svc.cfg.Peers == nil || !l.svc.reachesHolder(ctx, held[i].Bot) {
		return nil
	}
	l.stop(errLed)
	return errLed
}
