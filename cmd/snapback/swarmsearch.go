package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/swarm"
	"github.com/snapback/snapback/snapshot/watch"
)

// How often an engine is asked whether it manages a Swarm: one that has not answered yet, or whose Swarm has no leader, and one that has
// answered, since it may become a manager at any time.
const (
	managesAgain = 2 * time.Second
	managesAnew  = 30 * time.Second
)

// mayManage is an engine that may be a manager of a Swarm.
type mayManage struct {
	*docker.Engine
	name string // what people call it; "": there is no other

	cluster string           // the Swarm that it managed when it answered last; "": none
	managed string           // the one that it managed last; "": none since the bot's start
	due     time.Time        // when to ask it next
	asking  snapshot.Refrain // logs that it does not answer
	absence *watch.Registry  // tells people that a Swarm has no leader that was not found yet
}

// swarms are the Swarms that the bot's engines manage. They are found when their manager answers, be that at the bot's start or later. What was
// found stays: a Swarm whose manager is away is away as an engine is. Once its manager says that it is none any more, and another engine is
// one, it is looked after by that.
type swarms struct {
	log  *slog.Logger
	wire func(name string, manager *docker.Engine) *swarmParts // makes one, without starting it
	may  []mayManage                                           // is the searching goroutine's, once there is one

	cancel context.CancelFunc // ends that, and the telling
	search sync.WaitGroup

	mu      sync.Mutex     // guards what follows
	logs    logtail.Config // by which the errors of those are counted that are found
	found   []*swarmParts
	started bool
	each    map[*swarmParts]stops     // of those that were started
	lost    map[string]error          // by the name that a Swarm will have: why it is not found yet, though its engine is a manager
	heard   map[*watch.Registry]error // what is still to be told, by who tells it: a Swarm has no leader; nil: it has one, or there is none
}

func newSwarms(may []mayManage, log *slog.Logger, wire func(string, *docker.Engine) *swarmParts) *swarms {
	return &swarms{
		log: log, wire: wire, may: may, cancel: func() {},
		each: map[*swarmParts]stops{}, lost: map[string]error{}, heard: map[*watch.Registry]error{},
	}
}

// all are those that were found, in the order in which they were.
func (s *swarms) all() []*swarmParts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.found)
}

// look asks the engines that are due, and adds the Swarms of those that are managers. Several managers of one Swarm count once.
func (s *swarms) look(ctx context.Context, now time.Time) {
	var asked []*mayManage
	var list []*docker.Engine
	for i := range s.may {
		if m := &s.may[i]; !now.Before(m.due) {
			asked, list = append(asked, m), append(list, m.Engine)
		}
	}
	answers := managedBy(ctx, list)
	if ctx.Err() != nil {
		return
	}
	for i, m := range asked {
		err := answers[i].err
		s.hear(m, answers[i])
		m.asking.Log(s.log.With("at", m.name), "asking the engine whether it manages a Swarm, whose services are seen as soon as it says so", err)
		if m.due = now.Add(managesAgain); err == nil {
			m.cluster, m.due = answers[i].cluster, now.Add(managesAnew)
			m.managed = cmp.Or(m.cluster, m.managed)
		}
	}
	for _, m := range asked {
		if m.cluster == "" {
			continue
		}
		p, by := s.foundBy(m)
		if p != nil && by.Engine != m.Engine && by.cluster == "" && s.leave(ctx, p) {
			p = nil
		}
		if p == nil {
			s.add(s.wire(swarmName(m.name), m.Engine))
		}
	}
}

// hear notes whether people are to be told that a Swarm has no leader which no part of the bot knows yet: what was found tells that itself.
// An engine that is away says nothing of its Swarm, and one that is no manager any more has none.
func (s *swarms) hear(m *mayManage, says asked) {
	p, by := s.foundBy(m)
	switch {
	case p == nil && errors.Is(says.err, swarm.ErrNoLeader):
		s.note(m, says.err)
	case says.cluster != "", says.err == nil && (p == nil || by.Engine != m.Engine):
		s.note(m, nil)
	}
}

// note keeps what an engine said last, until tellAll and for checks.
func (s *swarms) note(m *mayManage, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard[m.absence] = why
	if s.lost[swarmName(m.name)] = why; why == nil {
		delete(s.lost, swarmName(m.name))
	}
}

// checks are those of the Swarms, for /readyz. One that is lost, or was not found yet, is named there, and does not make the bot unready while an
// engine answers: its containers, Slack and PagerDuty are served all the same.
func (s *swarms) checks() []api.Check {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []api.Check
	for _, p := range s.found {
		list = append(list, api.Check{Name: p.name, Ask: p.Ready, OneOf: "engine"})
	}
	for name, why := range s.lost {
		list = append(list, api.Check{Name: name, Ask: func(context.Context) error { return why }, OneOf: "engine"})
	}
	return list
}

// tellAll tells people of what was heard since. It may take a while for each engine, when the database is away.
func (s *swarms) tellAll(ctx context.Context) {
	s.mu.Lock()
	heard := s.heard
	s.heard = map[*watch.Registry]error{}
	s.mu.Unlock()
	for absence, why := range heard {
		absence.Heard(ctx, why)
	}
}

// foundBy is the Swarm that was found by this engine, or this one's by another one, and by which; nil: there is none.
func (s *swarms) foundBy(m *mayManage) (*swarmParts, *mayManage) {
	for _, p := range s.all() {
		for i := range s.may {
			if by := &s.may[i]; by.Engine == p.manager && (by.Engine == m.Engine || by.managed == m.cluster) {
				return p, by
			}
		}
	}
	return nil, nil
}

// leaveIn is how long the parts of a Swarm may take to stop, whose manager is none any more.
const leaveIn = 30 * time.Second

// leave stops what was found by an engine that is no manager any more, so that another one of the bot's has the Swarm. A restore under way
// goes on there. What has not stopped in time stays, and is stopped the next time.
func (s *swarms) leave(ctx context.Context, p *swarmParts) bool {
	s.mu.Lock()
	each := s.each[p]
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, leaveIn)
	defer cancel()
	if err := each.within(ctx); err != nil {
		s.log.Warn("leaving a Swarm to another of its managers", "at", p.name, "err", err)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.each, p)
	s.found = slices.DeleteFunc(slices.Clone(s.found), func(o *swarmParts) bool { return o == p })
	return true
}

func (s *swarms) add(p *swarmParts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.follow(s.logs)
	s.found = append(s.found, p)
	if s.started {
		s.startOne(p)
	}
}

// follow has the errors in their logs counted: of those that were found, and of those that are found later.
func (s *swarms) follow(c logtail.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = c
	for _, p := range s.found {
		p.follow(c)
	}
}

// startOne sets one to work. Whoever calls it holds mu.
func (s *swarms) startOne(p *swarmParts) {
	var stop stops
	p.start(&stop)
	s.each[p] = stop
}

// start sets those that were found to work, and looks for others from then on.
func (s *swarms) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = true
	for _, p := range s.found {
		s.startOne(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.search.Go(func() { everyRound(ctx, func() { s.look(ctx, time.Now()) }) })
	s.search.Go(func() { everyRound(ctx, func() { s.tellAll(ctx) }) }) // which the search does not wait for
}

// everyRound does it again and again until ctx ends.
func everyRound(ctx context.Context, do func()) {
	tick := time.NewTicker(managesAgain)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			do()
		case <-ctx.Done():
			return
		}
	}
}

// stop ends the search and the telling, and then all that were found, side by side, within ctx.
func (s *swarms) stop(ctx context.Context) error {
	s.cancel()
	s.search.Wait() // which the end of its context ends
	s.mu.Lock()
	each := slices.Collect(maps.Values(s.each))
	s.mu.Unlock()
	return sideBySide(each).do(ctx)
}
