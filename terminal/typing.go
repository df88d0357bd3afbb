package terminal

import "slices"

// maxTypists is how many pages' counts a shell remembers.
const (
	maxTypists    = 64
	maxTypistName = maxPageName + 16 // the page's, and a count
)

// typists count what has been typed into one shell. A page numbers what it sends from 1 on, under a name of its own; after a
// connection was cut it sends again what it has not heard of, and what was taken already is not taken twice.
type typists struct {
	taken map[string]int64
	order []string // whoever has typed last comes last
}

// next says whether a number is the one that follows.
func (t *typists) next(by string, number int64) bool { return number == t.taken[by]+1 }

func (t *typists) take(by string, number int64) {
	if t.taken == nil {
		t.taken = map[string]int64{}
	}
	t.order = append(slices.DeleteFunc(t.order, func(other string) bool { return other == by }), by)
	if len(t.order) > maxTypists {
		delete(t.taken, t.order[0])
		t.order = t.order[1:]
	}
	t.taken[by] = number
}

// typed takes what was typed into the shell that runs, once, and says how far that has come. What can't be taken is given back:
// it was meant for a shell that has ended, comes behind something that is missing, or nothing reads it.
// Nothing comes of what a page sent over a connection that it has given up: it has been told how much of it was taken.
func (l *live) typed(v *viewer, m said) toBrowser {
	answer := toBrowser{Type: "refused", By: m.By}
	if !v.l.stands(v) {
		return answer
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	sh := l.shell
	if sh == nil || sh.over || sh.rec.ID != m.Run {
		answer.Text = "The shell that you typed it for has ended."
		return answer
	}
	if !sh.party.mayType(v) {
		answer.Text = sh.party.holder.name() + " has the keyboard."
		return answer
	}
	if m.Number > sh.typists.taken[m.By] && sh.waits && !stopsOnly(m.Text) { // it would be done unseen, and may never be recorded
		answer.Typed, answer.Text = sh.typists.taken[m.By], "Output waits for the database."
		return answer
	}
	if m.Number > sh.typists.taken[m.By] && !l.take(sh, m) {
		answer.Typed, answer.Text = sh.typists.taken[m.By], "The shell isn't reading."
		return answer
	}
	return toBrowser{Type: "typed", By: m.By, Typed: sh.typists.taken[m.By]}
}

// stands says whether a viewer is the one that its page has greeted last, in a session that goes on.
func (l *live) stands(v *viewer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pages[v.page] == v && l.ctx.Err() == nil
}

// take must be called with mu held.
func (l *live) take(sh *shell, m said) bool {
	if !sh.typists.next(m.By, m.Number) || !sh.offer([]byte(m.Text)) {
		return false
	}
	sh.typists.take(m.By, m.Number)
	return true
}

// offer never waits: a program that does not read its input must not keep a viewer from reading.
func (sh *shell) offer(p []byte) bool {
	select {
	case sh.in <- p:
		return true
	default:
		return false
	}
}

// answered passes on what a terminal has answered by itself. What can't be taken is asked again by whoever needs it. The page says in which
// output the question stands: it may have been another shell's, or another page's to answer.
func (l *live) answered(v *viewer, m said) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shell != nil && m.Epoch == l.epoch && l.shell.party.mayAnswer(v, m.At) {
		l.shell.offer([]byte(m.Text))
	}
}

// progress is which shell there is, and how much of a page's typing it has taken.
func (l *live) progress(by string) (run string, typed int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shell == nil || l.shell.over {
		return "", 0
	}
	return l.shell.rec.ID, l.shell.typists.taken[by]
}
