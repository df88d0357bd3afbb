package signin

import (
	"context"
	"errors"
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

// refuse logs why somebody is refused, puts it onto the timeline, and returns an error that tells no more than it must.
// What a stranger can make up, who bears nothing that was ever ours, is only logged.
func (s *Service) refuse(ctx context.Context, who access.Person, what string, err error) error {
	denied := errors.Is(err, access.ErrDenied) || errors.Is(err, access.ErrUnsure)
	if !denied && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrChallenge) && !errors.Is(err, ErrMalformed) {
		return err // nothing was found out
	}
	s.Logger.Info("refused at the console's door", "user", who.SlackID, "wanted", what, "err", err)
	if who.SlackID != "" && s.worthAnEntry(who.SlackID) {
		e := s.entry(incidents.KindSigninRefused, calledBy(who)+" was not allowed to "+what, actorOf(who), map[string]any{"wanted": what, "why": err.Error()})
		if _, recErr := s.Timeline.Record(ctx, e); recErr != nil {
			s.Logger.Error("recording a refusal", "err", recErr)
		}
	}
	if denied {
		return errors.Join(ErrRefused, err)
	}
	return err
}

func (s *Service) worthAnEntry(slackID string) bool {
	now := s.now()
	if _, ok := s.spare.perPerson.Take(slackID, now, 0); !ok {
		return false
	}
	_, ok := s.spare.all.Take("", now, 0)
	return ok
}
