package signin

import (
	"context"
	"errors"
	"fmt"

	"github.com/snapback/snapback/access"
)

// StillIn returns access.ErrSignedOut for a session that is over, by its ID. Terminals that were opened in the console ask every
// few seconds, which keeps no session from being idle.
func (s *Service) StillIn(ctx context.Context, session string) error {
	_, err := s.still(ctx, session)
	return err
}

// ProvedLately is StillIn, and Fresh.
func (s *Service) ProvedLately(ctx context.Context, session string) error {
	sess, err := s.still(ctx, session)
	if err != nil {
		return err
	}
	return s.Fresh(sess)
}

func (s *Service) still(ctx context.Context, session string) (Session, error) {
	sess, err := s.Store.SessionByID(ctx, session)
	if errors.Is(err, ErrNoSession) {
		return sess, fmt.Errorf("%w: %w", access.ErrSignedOut, err)
	}
	if err != nil {
		return sess, err
	}
	if over := s.over(sess); over != "" {
		return sess, fmt.Errorf("%w: %s", access.ErrSignedOut, over)
	}
	return sess, nil
}
