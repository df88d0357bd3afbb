package snapshot

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Member is an enabled container as a look shows it, before it is known whose place it has.
type Member struct {
	ID, Name  string
	State     string
	CreatedAt time.Time
	Key       string // as its labels and its name tell it
	Lineage   string // what that key shares with the other seats of the service; "": it is known by its name alone
	Config    string // by what its tool tells whether two were made alike; "": unknown
}

// Alive is Alive.
func (m Member) Alive() bool { return Alive(m.State) }

// Alive says of an engine's word for a container's state that it has processes, or will have without anybody's help.
func Alive(state string) bool {
	return state == "running" || state == "paused" || state == "restarting"
}

// Seat is what is on record of a key: a service with three members has three. Who sits on it may have been made for another
// one, since some tools give every new container a new name or number.
type Seat struct {
	Key, Lineage string    // as Member has them
	ContainerID  string    // of whoever was seen there last
	Name         string    // its name then
	CreatedAt    time.Time // when it was created; zero: unknown
	Config       string    // as Member has it
	Former       []string  // the engine's IDs of those before it
	Made         string    // the engine's ID of what a restore has put there; "": nothing
	SeenAt       time.Time // when somebody was first seen there
	GoneAt       time.Time // since when nobody is there; zero: somebody is
	Settled      bool      // it has a history of its own: a deploy, a restore, or a snapshot that is no baseline
}

// Standing says for whom a container stands.
type Standing struct {
	Key    string   // whose place it has, or is about to take; of one that waits, as its labels and its name tell it
	Shown  bool     // it is the one container of that key
	Waits  bool     // it runs beside another one that it may be about to succeed, or that has succeeded it, and is no container of its own yet
	Leaves string   // the key that it gives up for this one; "": none
	Beside []string // the names of those that run beside it, and are not shown
}

const (
	// earlyEnd is how long before its successor's creation a container may have ended.
	earlyEnd = 10 * time.Minute
	// youngFor is for how long one that has got a seat of its own may still turn out to be another one's successor.
	youngFor = 24 * time.Hour
)

// Settle finds out for whom each container stands. For every key it shows one: who is on record for as long as it runs and
// has not handed its name over, then its successor. It is a function of what it is given, so that all who look agree.
func Settle(members []Member, seats []Seat, now time.Time) map[string]Standing {
	s := settling{now: now, at: map[string]string{}, leaves: map[string]string{}}
	for _, m := range members {
		if m.State != "removing" && m.State != "dead" {
			m.CreatedAt = m.CreatedAt.Truncate(time.Second) // a list has no more
			s.members = append(s.members, m)
		}
	}
	s.note(seats)
	for _, m := range s.members {
		s.at[m.ID] = s.claim(m)
	}
	s.fill()
	return s.standings()
}

// Contested lists those, by the engine's ID, of whom it depends on their states for whom they stand.
func Contested(members []Member, seats []Seat) []string {
	s := settling{}
	s.note(seats)
	groups, open := map[string][]string{}, map[string]bool{}
	for _, m := range members {
		lines := []string{cmp.Or(m.Lineage, m.Key)}
		seat, known := s.of[m.ID]
		if line := cmp.Or(seat.Lineage, seat.Key); known && line != lines[0] {
			lines = append(lines, line)
		}
		if into, has := s.called(m); has && !slices.Contains(lines, cmp.Or(into.Lineage, into.Key)) {
			lines = append(lines, cmp.Or(into.Lineage, into.Key))
		}
		for _, line := range lines {
			groups[line] = append(groups[line], m.ID)
			open[line] = open[line] || seat.ContainerID != m.ID || seat.Key != m.Key
		}
	}
	var out []string
	for line, ids := range groups {
		if open[line] && len(ids) > 1 {
			out = append(out, ids...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

type settling struct {
	members []Member
	seats   map[string]Seat   // by key
	names   map[string]Seat   // of those that are known by their names alone: by the name of who was seen there last
	of      map[string]Seat   // by the engine's ID of who is on record there, was before, or was put there by a restore
	at      map[string]string // by the engine's ID: the key that it stands for
	leaves  map[string]string // by the engine's ID: the key that it gives up
	now     time.Time
}

// note reads the record. Who is on record in several places counts for the oldest of them.
func (s *settling) note(seats []Seat) {
	s.seats, s.names, s.of = map[string]Seat{}, map[string]Seat{}, map[string]Seat{}
	ordered := slices.SortedFunc(slices.Values(seats), func(a, b Seat) int { return b.SeenAt.Compare(a.SeenAt) })
	for i, seat := range ordered {
		seat.CreatedAt = seat.CreatedAt.Truncate(time.Second)
		ordered[i], s.seats[seat.Key] = seat, seat
		if other, taken := s.names[seat.Name]; seat.Lineage == "" && (!taken || seat.outlasts(other)) {
			s.names[seat.Name] = seat
		}
		for _, id := range seat.Former {
			s.of[id] = seat
		}
	}
	for _, seat := range ordered {
		s.of[seat.ContainerID] = seat
	}
	for _, seat := range ordered {
		if seat.Made != "" {
			s.of[seat.Made] = seat
		}
	}
}

// outlasts says that somebody was there longer than on the other one.
func (s Seat) outlasts(other Seat) bool {
	return !other.GoneAt.IsZero() && (s.GoneAt.IsZero() || s.GoneAt.After(other.GoneAt))
}

// called is the seat that a container's key or, when it has none, its name leads to. The key of one that was renamed into place at its
// first deploy is made of the name that it came with, and those after it may be seen under the other one only.
func (s *settling) called(m Member) (Seat, bool) {
	if seat, known := s.seats[m.Key]; known || m.Lineage != "" {
		return seat, known
	}
	seat, known := s.names[m.Name]
	return seat, known
}

// claim is the key that a container stands for by itself: the one that it is on record for, whatever it is called by now. One
// that was renamed into an older seat's place takes that.
func (s *settling) claim(m Member) string {
	seat, known := s.of[m.ID]
	into, has := s.called(m)
	if !known || seat.Lineage != m.Lineage {
		return cmp.Or(into.Key, m.Key)
	}
	onRecord := seat.ContainerID == m.ID
	if onRecord && m.Alive() && has && into.Key != seat.Key && into.SeenAt.Before(seat.SeenAt) && !seat.Settled && into.Lineage == "" {
		s.leaves[m.ID] = seat.Key
		return into.Key
	}
	return seat.Key
}

// fill gives seats that nobody has any more to those who came beside them.
func (s *settling) fill() {
	for _, seat := range s.vacant() {
		var best *Member
		for i, m := range s.members {
			if s.maySucceed(m, seat) && (best == nil || number(m.Key) < number(best.Key)) {
				best = &s.members[i]
			}
		}
		if best == nil {
			continue
		}
		if own, has := s.of[best.ID]; has && own.ContainerID == best.ID {
			s.leaves[best.ID] = own.Key
		}
		s.at[best.ID] = seat.Key
	}
}

// vacant are the seats of services with several whose container has ended, in the order of their numbers.
func (s *settling) vacant() []Seat {
	taken := map[string]bool{}
	for _, m := range s.members {
		taken[s.at[m.ID]] = taken[s.at[m.ID]] || m.Alive()
	}
	var out []Seat
	for key, seat := range s.seats {
		if seat.Lineage != "" && !taken[key] {
			out = append(out, seat)
		}
	}
	slices.SortFunc(out, func(a, b Seat) int {
		return cmp.Or(cmp.Compare(number(a.Key), number(b.Key)), strings.Compare(a.Key, b.Key))
	})
	return out
}

// number orders the seats of a service: 2 before 10.
func number(key string) int {
	n := 0
	for _, r := range key[strings.LastIndex(key, "/")+1:] {
		if r < '0' || r > '9' || n > 1<<20 {
			return 0
		}
		n = 10*n + int(r-'0')
	}
	return n
}

// maySucceed: a new one, or one that has got a seat of its own a while ago because the other one took long to go, and that was
// made otherwise. Members that were made alike are what scaling makes.
func (s *settling) maySucceed(m Member, seat Seat) bool {
	if m.Lineage != seat.Lineage || !m.Alive() || m.CreatedAt.Before(seat.CreatedAt) || s.leaves[m.ID] != "" {
		return false
	}
	if !seat.GoneAt.IsZero() && seat.GoneAt.Before(m.CreatedAt.Add(-earlyEnd)) {
		return false
	}
	own, has := s.of[m.ID]
	if !has {
		return s.newcomer(m)
	}
	gone := !slices.ContainsFunc(s.members, func(o Member) bool { return o.ID == seat.ContainerID })
	young := own.ContainerID == m.ID && own.Key == s.at[m.ID] && !own.Settled && s.now.Sub(own.SeenAt) < youngFor && own.SeenAt.After(seat.SeenAt)
	return gone && young && m.Config != "" && seat.Config != "" && m.Config != seat.Config
}

// newcomer says that the record knows neither the container nor, since a while before its creation, anybody in its place.
func (s *settling) newcomer(m Member) bool {
	if _, known := s.of[m.ID]; known || s.at[m.ID] != m.Key {
		return false
	}
	seat, known := s.seats[m.Key]
	return !known || !seat.GoneAt.IsZero() && seat.GoneAt.Before(m.CreatedAt.Add(-earlyEnd))
}

// standings chooses for each key who is shown.
func (s *settling) standings() map[string]Standing {
	groups := map[string][]Member{}
	for _, m := range s.members {
		groups[s.at[m.ID]] = append(groups[s.at[m.ID]], m)
	}
	out := map[string]Standing{}
	beside := map[string][]string{} // by lineage, or by key
	for key, group := range groups {
		holder, shown := s.holder(key, group)
		for _, m := range group {
			st := Standing{Key: key, Shown: shown && m.ID == holder.ID, Leaves: s.leaves[m.ID]}
			if st.Shown && s.early(m) {
				st.Shown, st.Waits = false, true
			}
			if !st.Shown && m.Alive() && (m.Key != key || s.younger(m, holder, key)) {
				st.Key, st.Waits = m.Key, true
			}
			if !st.Shown && m.Alive() {
				beside[cmp.Or(m.Lineage, key)] = append(beside[cmp.Or(m.Lineage, key)], m.Name)
			}
			out[m.ID] = st
		}
	}
	for _, m := range s.members {
		if st := out[m.ID]; st.Shown {
			st.Beside = beside[cmp.Or(m.Lineage, st.Key)]
			slices.Sort(st.Beside)
			out[m.ID] = st
		}
	}
	return out
}

// early says that a container came beside one of its service that still runs, and which it may be about to succeed.
func (s *settling) early(m Member) bool {
	return m.Lineage != "" && s.newcomer(m) && slices.ContainsFunc(s.members, func(o Member) bool {
		seat, known := s.of[o.ID]
		return o.ID != m.ID && o.Lineage == m.Lineage && o.Alive() && known && seat.ContainerID == o.ID && !o.CreatedAt.After(m.CreatedAt)
	})
}

func (s *settling) younger(m, than Member, key string) bool {
	return !m.CreatedAt.Before(than.CreatedAt) && !slices.Contains(s.seats[key].Former, m.ID)
}

// holder is who is shown under a key. Who has ended is no successor of anybody who came later.
func (s *settling) holder(key string, group []Member) (Member, bool) {
	seat, known := s.seats[key]
	var found []Member
	for _, m := range group {
		onRecord := known && m.ID == seat.ContainerID
		if onRecord && m.Alive() && !s.handedOver(seat, m, group) {
			return m, true
		}
		if !known || onRecord || m.Alive() || !m.CreatedAt.Before(seat.CreatedAt) && !slices.Contains(seat.Former, m.ID) {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return Member{}, false
	}
	return slices.MaxFunc(found, func(a, b Member) int { return s.rank(a, b, seat) }), true
}

// rank orders those of one key: who runs comes before who doesn't, then who fits the key by its own name, then the newer one.
// Within one second, which is how exact a list is, the one that was not there before is newer.
func (s *settling) rank(a, b Member, seat Seat) int {
	fits := func(m Member) bool { return m.Key == seat.Key || m.ID == seat.Made }
	before := func(m Member) bool { return m.ID == seat.ContainerID || slices.Contains(seat.Former, m.ID) }
	return cmp.Or(ahead(a.Alive(), b.Alive()), ahead(fits(a), fits(b)), a.CreatedAt.Compare(b.CreatedAt), ahead(before(b), before(a)), strings.Compare(a.ID, b.ID))
}

// ahead is how what holds of a compares with what holds of b.
func ahead(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// handedOver says that another one that runs has the place of who is on record by its name: that was renamed to make room, as
// updaters do it.
func (s *settling) handedOver(seat Seat, m Member, group []Member) bool {
	return slices.ContainsFunc(group, func(o Member) bool {
		if o.ID == m.ID || !o.Alive() || slices.Contains(seat.Former, o.ID) {
			return false
		}
		return o.ID == seat.Made || o.Key == seat.Key && m.Key != seat.Key || o.Name == seat.Name && m.Name != seat.Name
	})
}
