package terminal

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/webpage"
)

/*
A link is used once, and the answer that says so may be lost on the way: the person would be locked out by their own tap. So the page
makes up a nonce for its link, keeps it, and sends it along. The link is bound to the nonce's hash as it is used. Whoever comes back within
againTime with the link and the nonce is who has used it, and gets that same session. For anybody else it is a used link. The cookie
follows from link and nonce, and a key that never leaves the bot: of two requests that are under way at once, either's answer is right.
*/

const (
	againTime     = 2 * time.Minute
	cookiePurpose = "terminal-cookie.v1"

	// A nonce has 128 bits or more, as letters: no fewer than as many in base64url.
	minNonce = 22
	maxNonce = 128
)

// redeeming is what the page sends. A page of a release before sends no nonce.
type redeeming struct {
	Token string `json:"token"`
	Nonce string `json:"nonce,omitempty"`
}

func (s *Service) postRedeem(w http.ResponseWriter, r *http.Request) error {
	var body redeeming
	if err := webpage.Decode(w, r, maxBody, &body); err != nil {
		return err
	}
	if n := len(body.Nonce); n > maxNonce || n > 0 && n < minNonce {
		return webpage.ErrMalformed
	}
	c, err := verify(s.cfg.Ring, body.Token)
	if err != nil {
		return err
	}
	beyond, err := s.beyond(r, c.Container)
	if err != nil {
		return err
	}
	if len(beyond) > 0 {
		return s.passOn(w, again(r, body), beyond, "")
	}
	sess, cookie, err := s.redeem(r.Context(), c, body)
	if err != nil {
		return err
	}
	s.page.SetCookie(w, cookie, sess.ExpiresAt.Sub(s.now()))
	return s.small(w, r, s.first(r.Context(), sess))
}

// redeem uses a link up whose token says what it claims. It returns the cookie's value, which nobody else sees.
func (s *Service) redeem(ctx context.Context, c claims, what redeeming) (Session, string, error) {
	now := s.now()
	sess := Session{ID: rand.Text(), Grant: c.grant(), OpenedAt: now, LastSeenAt: now, ExpiresAt: now.Add(s.cfg.MaxLife)}
	if now.Before(c.expires().Add(againTime)) {
		// An older link goes on to the store, which knows whether it was used; it can't be redeemed there.
		if err := s.cfg.Gate.Check(ctx, sess.Grant); err != nil {
			return Session{}, "", fmt.Errorf("checking the permission: %w", err)
		}
	}
	cookie, by := rand.Text(), Redeemer{Token: hash(what.Token)}
	if what.Nonce != "" {
		cookie, by.Nonce = s.cookieFor(what), hash(what.Nonce)
	}
	by.Cookie = hash(cookie)
	err := s.cfg.Store.Redeem(ctx, by, sess)
	if errors.Is(err, ErrLinkUsed) && by.Nonce != nil {
		return s.redeemAgain(ctx, by, cookie, err)
	}
	if err != nil {
		return Session{}, "", fmt.Errorf("redeeming the link: %w", err)
	}
	s.cfg.Observe("session_opened", string(sess.Mode))
	return sess, cookie, s.recordOpened(ctx, sess, "opened the terminal of "+sess.Name)
}

// cookieFor is the same for the same link and nonce.
func (s *Service) cookieFor(what redeeming) string {
	_, mac := s.cfg.Ring.Sign(cookiePurpose, append(hash(what.Token), hash(what.Nonce)...))
	return base64.RawURLEncoding.EncodeToString(mac)
}

// redeemAgain gives the session once more to who has opened it, and refuses anybody else as used says. It stands on the timeline too: the
// bot may have ended before it could write down the first time.
func (s *Service) redeemAgain(ctx context.Context, by Redeemer, cookie string, used error) (Session, string, error) {
	now := s.now()
	sess, err := s.cfg.Store.RedeemAgain(ctx, by, now.Add(-againTime), now)
	if errors.Is(err, ErrNoSession) {
		err = used
	}
	if err != nil {
		return Session{}, "", fmt.Errorf("redeeming the link again: %w", err)
	}
	return sess, cookie, s.recordOpened(ctx, sess, "asked again for the terminal of "+sess.Name+" that they had opened, and got it")
}

// recordOpened ends the session again when the timeline can't have it.
func (s *Service) recordOpened(ctx context.Context, sess Session, what string) error {
	summary := sess.Person.Name + " " + what
	err := s.record(ctx, sess.Grant, incidents.KindTerminalOpened, summary, map[string]any{"session": sess.ID, "container": sess.Container, "mode": sess.Mode})
	if err == nil {
		return nil
	}
	if _, endErr := s.cfg.Store.End(context.WithoutCancel(ctx), sess.ID, ReasonNotRecorded, s.now()); endErr != nil {
		s.log.Error("session not ended", "session", sess.ID, "err", endErr)
	}
	return fmt.Errorf("%w: %w", ErrNotRecorded, err)
}
