package limit_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/snapback/snapback/internal/limit"
)

func TestNobodyHoldsMoreThanAShare(t *testing.T) {
	t.Parallel()
	s := limit.NewShares(3, 2)
	taken := func(who string, want bool) func() {
		t.Helper()
		back, ok := s.Try(who)
		if ok != want {
			t.Errorf("%s: taken %v", who, ok)
		}
		return back
	}
	first, _ := taken("ann", true), taken("ann", true)
	taken("ann", false)
	taken("bob", true)
	taken("cy", false)
	first()
	taken("cy", true)
	taken("ann", false)
}

func TestWhoHasTheirShareWaitsForTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := limit.NewShares(2, 1)
		back, _ := s.Try("ann")
		taken := make(chan func())
		go func() {
			again, err := s.Wait(t.Context(), "ann")
			if err != nil {
				t.Error(err)
			}
			taken <- again
		}()
		synctest.Wait()
		bobs, ok := s.Try("bob")
		if !ok {
			t.Fatal("who waits holds a slot")
		}
		bobs()
		synctest.Wait()
		select {
		case <-taken:
			t.Error("it is more than a share")
		default:
		}
		back()
		(<-taken)()
		back, _ = s.Try("ann")
		defer back()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Wait(ctx, "ann"); err == nil {
			t.Error("it waits for ever")
		}
	})
}
