package terminal

import (
	"context"
	"slices"
	"time"

	"github.com/snapback/snapback/access"
)

// party is who is at a shell: the session whose shell it is, and those that watch it. Exactly one of them has the keyboard. All of it is
// guarded by the mu of the shell's live session.
type party struct {
	members  []*member // the first is whose shell it is
	holder   *member   // has the keyboard; never nil
	keyboard *viewer   // the holder's page that was typed in last: its terminal answers programs, its size is the shell's; nil: none yet
	since    int64     // questions in output before this offset were another page's to answer
	next     int       // member's ID
	cols     int
	rows     int
	divide   func() int64 // where the output has come to: what comes from there on goes to no page in one piece with what was before
}

// member is a session at a shell, with its pages.
type member struct {
	id      int
	who     access.Holder
	session string
	pages   map[*viewer]bool
	heard   time.Time // the last contact with pages that are gone
	asks    bool      // for the keyboard
	forget  func() bool
}

// crowd is a party as the pages see it.
type crowd struct {
	Cols    int    `json:"cols"`
	Rows    int    `json:"rows"`
	Holder  int    `json:"holder"`
	Free    bool   `json:"free,omitempty"` // there has been no contact with the holder for so long that others may take the keyboard
	Members []seen `json:"members"`
}

// seen is a member as the pages see it.
type seen struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	Asks bool   `json:"asks,omitempty"`
	Away bool   `json:"away,omitempty"` // there is no contact
}

func newParty(sess Session, cols, rows int, divide func() int64) *party {
	p := &party{cols: cols, rows: rows, divide: divide, since: divide()}
	p.holder = p.add(sess)
	return p
}

func (p *party) add(sess Session) *member {
	m := &member{id: p.next, who: sess.Person, session: sess.ID, pages: map[*viewer]bool{}, forget: func() bool { return true }}
	p.next++
	p.members = append(p.members, m)
	return m
}

func (p *party) host() *member { return p.members[0] }

// of is the member whose page a viewer is; nil when it is nobody's.
func (p *party) of(v *viewer) *member {
	for _, m := range p.members {
		if m.pages[v] {
			return m
		}
	}
	return nil
}

func (p *party) bySession(id string) *member {
	for _, m := range p.members {
		if m.session == id {
			return m
		}
	}
	return nil
}

func (p *party) byID(id int) *member {
	for _, m := range p.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

// mayType says whether a viewer is a page of whoever has the keyboard, and makes it the one that was typed in last.
func (p *party) mayType(v *viewer) bool {
	if !p.holder.pages[v] {
		return false
	}
	if p.keyboard != nil && p.keyboard != v {
		p.since = p.divide()
	}
	p.keyboard = v
	return true
}

// mayAnswer says whether a viewer's terminal answers what a program has asked in the output from an offset on. A page that lags comes to
// questions from before it had the keyboard: whoever had it then has answered them, or never will.
func (p *party) mayAnswer(v *viewer, at int64) bool { return at >= p.since && p.hasKeyboard(v) }

// hasKeyboard says whether a viewer's terminal is the one that answers programs, and whose size is the shell's. Every page that looks would
// answer, and all but one of the answers would be typed into whatever reads next. The holder's first page does while none was typed in.
func (p *party) hasKeyboard(v *viewer) bool {
	if p.keyboard == nil {
		return p.mayType(v)
	}
	return p.keyboard == v
}

// hand gives the keyboard to a member. Nothing else changes who has it.
func (p *party) hand(to *member) {
	p.holder, p.keyboard, to.asks = to, nil, false
	p.since = p.divide()
}

// part takes a page out. Whose page it was stays for a while: on a phone they are back soon.
func (p *party) part(v *viewer) {
	m := p.of(v)
	if m == nil {
		return
	}
	m.heard = m.contact()
	delete(m.pages, v)
	if p.keyboard == v {
		p.keyboard, p.since = nil, p.divide()
	}
}

// forgetGone takes out who has not been back for so long, but for whose shell it is, and whoever has the keyboard. It says whether
// there was anybody.
func (p *party) forgetGone(now time.Time, after time.Duration) (any bool) {
	for _, m := range slices.Clone(p.members) {
		if len(m.pages) == 0 && m != p.host() && m != p.holder && now.Sub(m.heard) >= after {
			p.drop(m)
			any = true
		}
	}
	return any
}

// drop takes a member out; its keyboard goes back to whose shell it is. It says whether that was so.
func (p *party) drop(m *member) (handed bool) {
	m.forget()
	p.members = slices.DeleteFunc(p.members, func(o *member) bool { return o == m })
	if handed = p.holder == m; handed {
		p.hand(p.host())
	}
	return handed
}

// contact is when one of a member's pages was last heard.
func (m *member) contact() time.Time {
	last := m.heard
	for v := range m.pages {
		if at := time.Unix(0, v.heard.Load()).UTC(); at.After(last) {
			last = at
		}
	}
	return last
}

// name is how the others see a member. Of a link that a token has made for somebody, they see that.
func (m *member) name() string { return called(m.who) }

func called(h access.Holder) string {
	if h.Via.TokenID != "" {
		return h.Actor().Name
	}
	return h.Name
}

// samePerson says whether two sessions are one person's. Whom a token has made a link for is its own word.
func samePerson(a, b access.Holder) bool {
	if a.Via.TokenID != "" || b.Via.TokenID != "" {
		return false
	}
	return a.SlackID != "" && a.SlackID == b.SlackID || a.PagerDutyID != "" && a.PagerDutyID == b.PagerDutyID
}

// free says whether the holder was out of contact for so long that a watcher may take the keyboard.
func (p *party) free(now time.Time, after time.Duration) bool {
	return now.Sub(p.holder.contact()) >= after
}

// mayTake says whether a member may take the keyboard without being given it: whose shell it is, from another page of the same
// person's, and when there is no contact with the holder.
func (p *party) mayTake(m *member, free bool) bool {
	return m != p.holder && (m == p.host() || free || samePerson(m.who, p.holder.who))
}

func (p *party) crowd(free bool) *crowd {
	c := &crowd{Cols: p.cols, Rows: p.rows, Holder: p.holder.id, Free: free}
	for _, m := range p.members {
		c.Members = append(c.Members, seen{ID: m.id, Name: m.name(), Asks: m.asks, Away: len(m.pages) == 0})
	}
	return c
}

// forgetWith has something done when a session is over here.
func (m *member) forgetWith(ctx context.Context, do func()) { m.forget = context.AfterFunc(ctx, do) }
