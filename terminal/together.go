package terminal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/incidents"
)

// actTime is what writing down who watches or types may take.
const actTime = 10 * time.Second

var (
	errShellOver = errors.New("the shell that was to be watched has ended")
	errNotYours  = errors.New("somebody else has the keyboard")
	errNotThere  = errors.New("whom the keyboard is for is not there any more")
)

// gathered tells the pages who is at the shell. It must be called with mu held.
func (l *live) gathered() {
	if l.shell == nil {
		return
	}
	p := l.shell.party
	c := p.crowd(p.free(l.svc.now(), l.svc.cfg.NoContact))
	l.feed.update(func(s *status) { s.Crowd = c })
}

// lookForHolder notices that there is no contact with whoever has the keyboard, and that there is again, and who has gone.
func (l *live) lookForHolder() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shell == nil {
		return
	}
	p, known := l.shell.party, l.feed.now().Crowd
	gone := p.forgetGone(l.svc.now(), l.svc.cfg.NoContact)
	if gone || known == nil || known.Free != p.free(l.svc.now(), l.svc.cfg.NoContact) {
		l.gathered()
	}
}

// watchedBy takes a viewer of another session in, once it is on the timeline that its person watches. Until they have left, that is said
// once. Before, that person's permission is asked for as it is before a shell is started: nobody else waits for the answer.
func (l *live) watchedBy(ctx context.Context, v *viewer, run string) (*watch, error) {
	sh := l.running(run)
	if sh == nil {
		return nil, errShellOver
	}
	me, known := v.l.sess, l.knows(sh, v.l.sess)
	if !known {
		if err := l.mayWatch(ctx, me); err != nil {
			return nil, err
		}
	}
	ctx, done, err := l.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if l.knows(sh, me) {
		return l.seat(sh, v)
	}
	if known { // they have left from another page meanwhile
		return nil, errNotThere
	}
	what := fmt.Sprintf("%s watches %s's shell in %s", me.Person.Name, l.sess.Person.Name, l.sess.Name)
	if err := l.note(ctx, sh, me, incidents.KindTerminalWatched, what, nil); err != nil {
		return nil, err
	}
	return l.seat(sh, v)
}

func (l *live) mayWatch(ctx context.Context, me Session) error {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	return l.svc.cfg.Gate.CheckShell(ctx, me.Grant)
}

// knows says whether a session is among those at a shell: it is on the timeline then.
func (l *live) knows(sh *shell, me Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return sh.party.bySession(me.ID) != nil
}

// turn waits until nobody else tells the timeline who watches or types. What is told then does not end with the connection of whoever asks:
// half of it may be written already. done must be called.
func (l *live) turn(ctx context.Context) (told context.Context, done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	select {
	case l.acts <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("%w: %w", ErrNotRecorded, ctx.Err())
	}
	told, cancel = context.WithTimeout(context.WithoutCancel(l.ctx), actTime)
	return told, func() { cancel(); <-l.acts }, nil
}

// running is the shell of that ID, if it runs; nil when it does not.
func (l *live) running(run string) *shell {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sh := l.shell; sh != nil && !sh.over && sh.rec.ID == run && l.ctx.Err() == nil {
		return sh
	}
	return nil
}

// note puts something that somebody does at the shell onto the timeline of the shell's incident.
func (l *live) note(ctx context.Context, sh *shell, me Session, kind incidents.Kind, what string, more map[string]any) error {
	g := me.Grant
	if l.sess.IncidentID != 0 {
		g.IncidentID = l.sess.IncidentID
	}
	details := map[string]any{"session": l.sess.ID, "watcher": me.ID, "recording": sh.rec.ID, "container": l.sess.Container}
	for k, v := range more {
		details[k] = v
	}
	if err := l.svc.record(ctx, g, kind, what, details); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	return nil
}

// seat is the last step of watchedBy. A watcher counts as somebody who looks: the shell does not end for want of its own pages.
func (l *live) seat(sh *shell, v *viewer) (*watch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shell != sh || sh.over {
		return nil, errShellOver
	}
	m := sh.party.bySession(v.l.sess.ID)
	if m == nil {
		m = sh.party.add(v.l.sess)
		m.forgetWith(v.l.ctx, func() { l.dismissed(sh, m) })
	}
	m.pages[v] = true
	l.viewers++
	l.gathered()
	return &watch{host: l, run: sh.rec.ID, from: sh.from, you: m.id}, nil
}

// unseat takes a page of another session out. Who leaves by a tap gives the keyboard back.
func (l *live) unseat(v *viewer, tapped bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.viewers--
	l.away = l.svc.now()
	sh := l.shell
	if sh == nil {
		return
	}
	m := sh.party.of(v)
	sh.party.part(v)
	if tapped && m != nil && len(m.pages) == 0 {
		l.dismiss(sh, m)
	}
	l.gathered()
}

// dismissed takes out whose session is over.
func (l *live) dismissed(sh *shell, m *member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shell == sh && sh.party.byID(m.id) == m { // they may have left already
		l.dismiss(sh, m)
		l.gathered()
	}
}

// dismiss takes a member out at once: the timeline hears of it as soon as it can, before anything that comes after. It must be called with
// mu held. Of a shell that
// has ended nobody has the keyboard, and when the bot stops, nobody has left.
func (l *live) dismiss(sh *shell, m *member) {
	if sh.party.drop(m) && !sh.over && l.ctx.Err() == nil && l.svc.background.Err() == nil {
		what := m.who.Name + " left, and gave the keyboard back to " + l.sess.Person.Name
		sh.owed = append(sh.owed, &handOver{by: m, to: sh.party.host(), what: what})
		l.work.Go(func() { l.settle(sh) })
	}
}

// holds says whether a viewer is a page of whoever has the keyboard.
func (l *live) holds(v *viewer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shell != nil && l.shell.party.holder.pages[v]
}

// asks says that a watcher would like to type, or that whoever has the keyboard would rather keep it.
func (l *live) asks(v *viewer) error {
	return l.within(v, func(p *party, me *member) error {
		me.asks = me != p.holder
		return nil
	})
}

func (l *live) spares(v *viewer, whom int) error {
	return l.within(v, func(p *party, me *member) error {
		if m := p.byID(whom); m != nil && me == p.holder {
			m.asks = false
		}
		return nil
	})
}

// within does something among those who are at the shell.
func (l *live) within(v *viewer, do func(p *party, me *member) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shell == nil || l.shell.over || l.ctx.Err() != nil {
		return errShellOver
	}
	me := l.shell.party.of(v)
	if me == nil {
		return errShellOver
	}
	defer l.gathered()
	return do(l.shell.party, me)
}
