package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/limit"
)

// refusalBudget is how many refusals go onto the timeline: whoever can be refused again and again must not be able to
// write all over it. The rest is in the log.
type refusalBudget struct {
	perPerson *limit.Limiter[string]
	all       *limit.Limiter[string]
}

func newRefusalBudget() *refusalBudget {
	return &refusalBudget{perPerson: limit.New[string](10*time.Minute, 5, 1000), all: limit.New[string](time.Minute, 30, 2)}
}

// maxOwed is how many refusals wait for the timeline at the most.
const maxOwed = 100

// refusals are the errors with which somebody is refused; others find nothing out.
var refusals = []error{access.ErrDenied, access.ErrUnsure, ErrRefused, ErrLink, ErrChallenge, ErrMalformed, ErrKnownPasskey}

// refuse logs why somebody is refused, puts it onto the timeline, and returns an error that tells no more than it must.
// What a stranger can make up, who bears nothing that was ever ours, is only logged.
func (s *Service) refuse(ctx context.Context, who access.Person, what string, err error) error {
	if !slices.ContainsFunc(refusals, func(r error) bool { return errors.Is(err, r) }) {
		return err
	}
	s.Logger.Info("refused at the console's door", "user", who.SlackID, "wanted", what, "err", err)
	if who.SlackID != "" && s.worthAnEntry(who.SlackID) {
		e := s.entry(incidents.KindSigninRefused, calledBy(who)+" was not allowed to "+what, actorOf(who), map[string]any{"wanted": what, "why": err.Error()})
		e.Source.NativeID = rand.Text() // it may have been written when no answer comes
		s.recordRefusal(ctx, e)
	}
	if errors.Is(err, access.ErrDenied) || errors.Is(err, access.ErrUnsure) {
		return errors.Join(ErrRefused, err)
	}
	return err
}

// recordRefusal puts a refusal onto the timeline. What can't be put there now is at a later sweep.
func (s *Service) recordRefusal(ctx context.Context, e incidents.Entry) {
	if _, err := s.Timeline.RecordOnce(ctx, e); err != nil {
		s.Logger.Error("a refusal is not on the timeline", "summary", e.Summary, "later", s.owed.Keep(e, maxOwed), "err", err)
	}
}

func (s *Service) recordOwed(ctx context.Context) error {
	if err := s.owed.Tell(ctx, s.Timeline.RecordOnce); err != nil {
		return fmt.Errorf("recording a refusal: %w", err)
	}
	return nil
}

func (s *Service) worthAnEntry(slackID string) bool {
	now := s.now()
	if _, ok := s.spare.perPerson.Take(slackID, now, 0); !ok {
		return false
	}
	_, ok := s.spare.all.Take("", now, 0)
	return ok
}
