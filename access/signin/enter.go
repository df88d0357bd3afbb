package signin

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// BeginSignIn returns what a browser's navigator.credentials.get takes. It is the same for everybody, and changes nothing.
func (s *Service) BeginSignIn() (*protocol.CredentialAssertion, error) { return s.ask("signin") }

func (s *Service) ask(what string) (*protocol.CredentialAssertion, error) {
	if err := Passkeys(s.site); err != nil {
		return nil, err
	}
	options, _, err := s.rp.BeginDiscoverableLogin(webauthn.WithChallenge(s.challenge(what)))
	if err == nil {
		options.Response.Timeout = int(ChallengeLife.Milliseconds())
	}
	return options, err
}

// SignIn opens a session for whoever has answered with a passkey. The cookie is shown to nobody else. It returns
// ErrChallenge, ErrMalformed, ErrRefused and ErrNoPasskeys.
func (s *Service) SignIn(ctx context.Context, answer []byte) (sess Session, cookie string, err error) {
	a, err := s.proven(ctx, "signin", answer)
	if err != nil {
		return sess, "", s.refuse(ctx, a.person, "sign in to the console", err)
	}
	sess, cookie = s.session(a.person, a.key)
	e := s.entry(incidents.KindSignedIn, fmt.Sprintf("%s signed in to the console with %s", calledBy(a.person), a.key.Device),
		actorOf(a.person), map[string]any{"passkey": a.key.Short(), "session": sess.ID})
	err = s.Store.SignIn(ctx, a.used, a.key, Opening{Session: sess, CookieHash: hash(cookie), Entry: e})
	return sess, cookie, s.refuse(ctx, a.person, "sign in to the console", err)
}

// BeginProof is BeginSignIn for somebody who is signed in, and has to show the passkey again.
func (s *Service) BeginProof(sess Session) (*protocol.CredentialAssertion, error) {
	return s.ask("prove " + sess.ID)
}

// Prove notes that the session's own person has just shown a passkey of theirs. It returns what SignIn returns.
func (s *Service) Prove(ctx context.Context, sess Session, answer []byte) error {
	a, err := s.proven(ctx, "prove "+sess.ID, answer)
	if err == nil && a.person.SlackID != sess.SlackID {
		err = fmt.Errorf("%w: it is another person's", ErrRefused)
	}
	if err != nil {
		return s.refuse(ctx, access.Person{SlackID: sess.SlackID, Name: sess.Name}, "show their passkey again", err)
	}
	e := s.entry(incidents.KindSigninProved, fmt.Sprintf("%s showed their passkey again", calledBy(a.person)), actorOf(a.person),
		map[string]any{"passkey": a.key.Short(), "session": sess.ID})
	return s.refuse(ctx, a.person, "show their passkey again", s.Store.Prove(ctx, a.used, a.key, sess.ID, e))
}

// Fresh returns ErrProve when a session's passkey was asked for too long ago for what is worth asking again.
func (s *Service) Fresh(sess Session) error {
	if s.now().Sub(sess.ProvedAt) > FreshFor {
		return ErrProve
	}
	return nil
}

// answer is a passkey's answer that was found to be good.
type answer struct {
	person access.Person
	key    Passkey // as it has become
	used   Used
}

// proven looks at the challenge before it looks anything up. The person is known as far as it got.
func (s *Service) proven(ctx context.Context, what string, raw []byte) (a answer, err error) {
	if err := Passkeys(s.site); err != nil {
		return a, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(raw)
	if err != nil {
		return a, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	if a.used, err = s.answered(what, challenge); err != nil {
		return a, err
	}
	slackID, err := s.Store.FindPerson(ctx, parsed.Response.UserHandle)
	if err != nil {
		return a, err
	}
	a.person = access.Person{SlackID: slackID}
	if a.key, err = s.signed(ctx, slackID, challenge, parsed); err != nil {
		return a, err
	}
	a.person, err = s.living(ctx, slackID)
	return a, err
}

// signed checks the signature against the passkeys of a person, and what the authenticator says of itself: that it is for
// this site, that its user was there and verified, and that its counter has not gone back.
func (s *Service) signed(ctx context.Context, slackID, challenge string, parsed *protocol.ParsedCredentialAssertionData) (Passkey, error) {
	all, err := s.Store.Passkeys(ctx, slackID)
	if err != nil {
		return Passkey{}, err
	}
	i := slices.IndexFunc(all, func(p Passkey) bool { return bytes.Equal(p.ID, parsed.RawID) })
	if i < 0 {
		return Passkey{}, fmt.Errorf("%w: they have no such passkey", ErrRefused)
	}
	if !all[i].RevokedAt.IsZero() {
		return Passkey{}, fmt.Errorf("%w: passkey %s was revoked", ErrRefused, all[i].Short())
	}
	keys, err := s.keysOf(ctx, slackID)
	if err != nil {
		return Passkey{}, err
	}
	owner := user{handle: parsed.Response.UserHandle, keys: keys}
	key, err := s.rp.ValidateDiscoverableLogin(func(_, _ []byte) (webauthn.User, error) { return owner, nil }, webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: s.site.Host, UserVerification: protocol.VerificationRequired,
	}, parsed)
	if err != nil {
		return Passkey{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if key.Authenticator.CloneWarning {
		return Passkey{}, fmt.Errorf("%w: the counter of passkey %s has gone back, so there may be a copy of it", ErrRefused, all[i].Short())
	}
	p := all[i]
	p.LastUsedAt = s.now()
	p.Record, err = record(key)
	return p, err
}

// living lets nobody in whose account is over. While Slack does not tell, the passkey is enough to sign in: what they may
// see and do is asked then, and is not known either.
func (s *Service) living(ctx context.Context, slackID string) (access.Person, error) {
	person, err := s.Accounts.Living(ctx, slackID)
	person.SlackID = slackID
	if errors.Is(err, access.ErrUnsure) {
		s.Logger.Warn("signing in while Slack does not tell who somebody is", "user", slackID, "err", err)
		return person, nil
	}
	return person, err
}

func (s *Service) session(who access.Person, p Passkey) (Session, string) {
	now := s.now()
	return Session{
		ID: rand.Text(), SlackID: who.SlackID, Name: calledBy(who), Passkey: p.ID, Device: p.Device,
		OpenedAt: now, LastSeenAt: now, ProvedAt: now, ExpiresAt: now.Add(s.Life),
	}, rand.Text() + rand.Text()
}
