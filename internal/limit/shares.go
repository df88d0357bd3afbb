package limit

import (
	"context"
	"sync"
)

// Shares are slots of which nobody may hold more than a share, so that there is always one for others.
type Shares struct {
	all, each int

	mu    sync.Mutex // guards all below
	used  int
	of    map[string]int // by who holds them; without those who hold none
	freed chan struct{}  // closed when one is given back
}

// NewShares returns so many slots, of which each may hold so many.
func NewShares(all, each int) *Shares {
	return &Shares{all: all, each: each, of: map[string]int{}, freed: make(chan struct{})}
}

// Try takes a slot, which has to be given back once; false when there is none for who.
func (s *Shares) Try(who string) (back func(), ok bool) {
	back, _ = s.take(who)
	return back, back != nil
}

// Wait waits for a slot until ctx ends.
func (s *Shares) Wait(ctx context.Context, who string) (back func(), err error) {
	for {
		back, freed := s.take(who)
		if back != nil {
			return back, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take returns when to try again if it returns no slot.
func (s *Shares) take(who string) (back func(), freed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == s.all || s.of[who] == s.each {
		return nil, s.freed
	}
	s.used++
	s.of[who]++
	return func() { s.giveBack(who) }, nil
}

func (s *Shares) giveBack(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	if s.of[who]--; s.of[who] == 0 {
		delete(s.of, who)
	}
	close(s.freed)
	s.freed = make(chan struct{})
}
