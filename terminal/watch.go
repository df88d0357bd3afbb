package terminal

import (
	"context"
	"slices"
	"strings"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/access"
)

// watch is what a viewer sees of a shell that is another session's. But for its first lines, only the viewer's writer uses it.
type watch struct {
	host *live
	run  string
	wish *wish // the tap that led here
	you  int   // who the viewer is among those at the shell
	from int64 // the shell's first byte, in the host's feed

	at    cursor
	typed int64 // with the first message: how much of the page's typing was taken
	told  bool  // the page knows
	over  bool  // the page knows that it has ended
}

// other is a shell of somebody else that may be watched.
type other struct {
	Run  string `json:"run"`
	Name string `json:"name"`
	Mine bool   `json:"mine,omitempty"` // the same person's, from elsewhere
}

// watchedOutput marks an offset as one of a shell that is watched.
const watchedOutput = 1 << 63

// tellOthers tells every session of a container which shells of others run there, on this bot.
func (s *Service) tellOthers(container string) {
	s.telling.Lock()
	defer s.telling.Unlock()
	lives := s.livesOf(container)
	for _, l := range lives {
		if l.sess.Mode != access.ModeShell {
			continue
		}
		others := othersOf(l, lives)
		l.feed.update(func(st *status) {
			if st.Others == nil && len(others) > 0 || st.Others != nil && !slices.Equal(*st.Others, others) {
				st.Others = &others
			}
		})
	}
}

func (s *Service) livesOf(container string) []*live {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*live
	for _, l := range s.live {
		if l.sess.Container == container {
			out = append(out, l)
		}
	}
	return out
}

func othersOf(l *live, lives []*live) []other {
	out := []other{}
	for _, o := range lives {
		if st := o.feed.now(); o != l && st.Shell == "running" {
			out = append(out, other{Run: st.Run, Name: called(o.sess.Person), Mine: samePerson(l.sess.Person, o.sess.Person)})
		}
	}
	slices.SortFunc(out, func(a, b other) int { return strings.Compare(a.Run, b.Run) })
	return out
}

// wish is a tap on Watch, until it was refused, something else was tapped, or the shell has ended.
type wish struct{ run string }

// watchTapped has a viewer watch somebody else's shell. Another tap for the same one, while that is asked about or afterwards, is the same
// tap.
func (v *viewer) watchTapped(ctx context.Context, m said) error {
	before, tap := v.wanted.Load(), &wish{m.Run}
	if before != nil && before.run == m.Run {
		return nil
	}
	return v.asideWith(func() { v.wanted.Store(tap) }, func() error { return v.watchShell(ctx, m, tap) })
}

// watchShell has a viewer watch somebody else's shell, unless they have tapped something else since that tap.
func (v *viewer) watchShell(ctx context.Context, m said, tap *wish) error {
	if v.l.sess.Mode != access.ModeShell {
		return v.denied(tap, ErrNotAllowed)
	}
	v.leave(false)
	for _, host := range v.l.svc.livesOf(v.l.sess.Container) {
		if host == v.l || host.running(m.Run) == nil {
			continue
		}
		w, err := host.watchedBy(ctx, v, m.Run)
		if err != nil {
			return v.denied(tap, err)
		}
		w.begin(m)
		w.wish = tap
		v.watching.Store(w)
		if v.wanted.Load() != tap { // checked when it can be left: who taps from now on finds it
			v.leave(true)
			return v.unwatched("")
		}
		v.turn()
		return nil
	}
	return v.denied(tap, errShellOver)
}

// denied tells why a tap on Watch came to nothing, where the shell would be.
func (v *viewer) denied(tap *wish, err error) error {
	v.wanted.CompareAndSwap(tap, nil)
	return v.unwatched(words(err))
}

// begin goes on where a page was cut off, if it was, and shows what is on the screen already.
func (w *watch) begin(m said) {
	at := cursor{}
	if m.Have != nil && m.Epoch == w.host.epoch {
		at.Output = m.Have.Output
	}
	w.at = w.host.feed.resume(at)
	w.at.Output = max(w.at.Output, w.from)
	w.at.noLines = true
	_, w.typed = w.host.progress(m.By)
}

// leave ends the watching. Whoever has tapped gives the keyboard back.
func (v *viewer) leave(tapped bool) {
	if w := v.watching.Swap(nil); w != nil {
		w.host.unseat(v, tapped)
		v.turn()
	}
}

// turn wakes the writer.
func (v *viewer) turn() {
	select {
	case v.turned <- struct{}{}:
	default:
	}
}

func (v *viewer) unwatched(why string) error {
	return v.sendMessage(toBrowser{Type: "unwatched", Text: why, Live: v.l.feed.written()})
}

// shellOf is the session whose shell this viewer shows.
func (v *viewer) shellOf() *live {
	if w := v.watching.Load(); w != nil {
		return w.host
	}
	return v.l
}

// showWatched sends what has come of the shell that is watched, and says when it is over.
func (v *viewer) showWatched(w *watch, b batch) error {
	if b.status != nil && b.status.Run != w.run {
		return v.stopWatching(w)
	}
	if !w.told {
		w.told = true
		first := toBrowser{Type: "watch", Run: w.run, Name: called(w.host.sess.Person), You: w.you, Epoch: w.host.epoch, Live: w.host.feed.written(), Typed: w.typed}
		if err := v.sendMessage(first); err != nil {
			return err
		}
	}
	if len(b.frame) > 0 {
		b.frame[0] |= watchedOutput >> 56
		if err := v.put(websocket.MessageBinary, b.frame); err != nil {
			return err
		}
	}
	w.at = b.next
	if b.status == nil {
		return nil
	}
	if b.status.Shell == "ended" {
		return v.stopWatching(w)
	}
	return v.sendMessage(toBrowser{Type: "watched", Status: b.status})
}

// stopWatching is for a shell that has ended. What it wrote last was sent before, but for the end of a flood.
func (v *viewer) stopWatching(w *watch) error {
	if v.watching.CompareAndSwap(w, nil) {
		w.host.unseat(v, false)
	}
	v.wanted.CompareAndSwap(w.wish, nil)
	w.over = true
	return v.unwatched(called(w.host.sess.Person) + "'s shell has ended.")
}
