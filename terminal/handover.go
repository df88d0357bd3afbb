package terminal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/asciicast"
)

// handOver is one of a shell's keyboard.
type handOver struct {
	from *member // who has it before
	by   *member // who does it
	to   *member
	what string // in words

	marked bool // in the recording; only whose turn it is may touch it
}

// judge says whether somebody may have the keyboard handed over, and to whom. It is called with mu held.
type judge func(p *party, me *member) (to *member, what string, err error)

// gives hands the keyboard to somebody who watches.
func (l *live) gives(ctx context.Context, v *viewer, whom int) error {
	return l.handOver(ctx, v, func(p *party, me *member) (*member, string, error) {
		to := p.byID(whom)
		switch {
		case me != p.holder:
			return nil, "", errNotYours
		case to == nil || len(to.pages) == 0 || to == me:
			return nil, "", errNotThere
		}
		return to, fmt.Sprintf("%s gave the keyboard to %s", me.who.Name, to.who.Name), nil
	})
}

// takes takes the keyboard, where that may be done without being given it.
func (l *live) takes(ctx context.Context, v *viewer) error {
	return l.handOver(ctx, v, func(p *party, me *member) (*member, string, error) {
		free := p.free(l.svc.now(), l.svc.cfg.NoContact)
		if !p.mayTake(me, free) {
			return nil, "", errNotYours
		}
		what := fmt.Sprintf("%s took the keyboard from %s", me.who.Name, p.holder.who.Name)
		if free {
			what += ", with whom there was no contact"
		}
		return me, what, nil
	})
}

// handOver is judged, written down, and done: one at a time, so that of two that are asked for at once the second is judged by what the
// first has done. What is judged is done, whether or not the page that has asked for it is still there.
func (l *live) handOver(ctx context.Context, v *viewer, may judge) error {
	ctx, done, err := l.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	sh, h, err := l.judged(ctx, v, may)
	if err != nil {
		return err
	}
	if err := l.told(ctx, sh, &h); err != nil {
		return err
	}
	l.mark(ctx, sh, &h)
	return l.hand(sh, h)
}

// judged says what is to be done once all that was done before is on the timeline.
func (l *live) judged(ctx context.Context, v *viewer, may judge) (sh *shell, h handOver, err error) {
	for owing := true; owing && err == nil; {
		err = l.within(v, func(p *party, me *member) (err error) {
			sh = l.shell
			if owing = len(sh.owed) > 0; !owing {
				h.from, h.by = p.holder, me
				h.to, h.what, err = may(p, me)
			}
			return err
		})
		if owing && err == nil {
			err = l.pay(ctx, sh)
		}
	}
	return sh, h, err
}

// told puts a hand-over onto the timeline.
func (l *live) told(ctx context.Context, sh *shell, h *handOver) error {
	me := Session{ID: h.by.session, Grant: l.sess.Grant}
	me.Person = h.by.who
	where := fmt.Sprintf("%s (%s's shell in %s)", h.what, l.sess.Person.Name, l.sess.Name)
	return l.note(ctx, sh, me, incidents.KindTerminalKeyboard, where, map[string]any{"keyboard": h.to.who.Name})
}

// mark puts hand-overs into the recording, once, which gets them before anything else is shown, even when it can't be written to now.
func (l *live) mark(ctx context.Context, sh *shell, list ...*handOver) {
	for _, h := range list {
		if h.marked {
			continue
		}
		h.marked = true
		if err := sh.cast.note(ctx, asciicast.Marker, h.what); err != nil {
			l.svc.log.Warn("hand-over of a keyboard not in the recording yet", "session", l.sess.ID, "err", err)
		}
	}
}

// hand does what is on the timeline already. Where one of the two has left since, it puts right what is there.
func (l *live) hand(sh *shell, h handOver) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shell != sh || sh.over {
		return errShellOver
	}
	if p := sh.party; p.holder != h.from || p.byID(h.to.id) != h.to {
		what := fmt.Sprintf("%s did not get the keyboard: it stayed with %s", h.to.who.Name, h.from.who.Name)
		sh.owed = slices.Insert(sh.owed, 0, &handOver{by: h.by, to: h.from, what: what}) // before that somebody has left
		l.work.Go(func() { l.settle(sh) })
		return errNotThere
	}
	sh.party.hand(h.to)
	l.gathered()
	return nil
}

// settle tells the timeline what it is owed. What it can't be told now it is at the next look.
func (l *live) settle(sh *shell) {
	ctx, done, err := l.turn(context.WithoutCancel(l.ctx))
	if err == nil {
		defer done()
		err = l.pay(ctx, sh)
	}
	if err != nil {
		l.svc.log.Warn("hand-over of a keyboard not recorded yet", "session", l.sess.ID, "err", err)
	}
}

// pay tells the recording and the timeline what they are owed, in its order. Only whose turn it is may call it.
func (l *live) pay(ctx context.Context, sh *shell) error {
	l.mark(ctx, sh, l.owing(sh)...)
	for _, h := range l.owing(sh) {
		if err := l.told(ctx, sh, h); err != nil {
			return err
		}
		l.mu.Lock()
		sh.owed = slices.DeleteFunc(sh.owed, func(o *handOver) bool { return o == h })
		l.mu.Unlock()
	}
	return nil
}

// owing are the hand-overs that were done, and that the timeline has not been told of.
func (l *live) owing(sh *shell) []*handOver {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(sh.owed)
}

// settleLater settles what could not be told before, unless somebody is at it.
func (l *live) settleLater() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sh := l.shell; sh != nil && len(sh.owed) > 0 && len(l.acts) == 0 {
		l.work.Go(func() { l.settle(sh) })
	}
}

// conclude writes down what is owed of a shell that has ended, and with which status it has; a negative one is none. It goes on
// trying while its store or the timeline is away, but for actTime at most: whoever looks waits for it. When the bot stops, it tries once.
func (l *live) conclude(ctx context.Context, sh *shell, status int) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	for {
		err := l.lastWords(ctx, sh, status)
		if err == nil || errors.Is(err, ErrSessionOver) { // another bot has ended it
			return
		}
		pause(ctx, l.svc.cfg.Poll)
		if ctx.Err() != nil || l.svc.background.Err() != nil {
			l.svc.log.Error("end of a shell not all recorded", "session", l.sess.ID, "err", err)
			return
		}
	}
}

func (l *live) lastWords(ctx context.Context, sh *shell, status int) error {
	ctx, done, err := l.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	l.mark(ctx, sh, l.owing(sh)...)
	if status >= 0 {
		_ = sh.cast.exit(ctx, status) // is owed then
	}
	return errors.Join(l.pay(ctx, sh), sh.cast.settle(ctx))
}

// concluded waits until all is written down of a shell that ends with its session, for so long at most.
func (l *live) concluded(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	l.mu.Lock()
	sh := l.shell
	l.mu.Unlock()
	if sh == nil {
		return
	}
	select {
	case <-sh.concluded:
	case <-ctx.Done():
	}
}
