package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// Opening is a session that is to be opened, and its entry.
type Opening struct {
	Session    Session
	CookieHash []byte
	Entry      incidents.Entry
}

// BeginRegistration returns what a browser's navigator.credentials.create takes, for whoever holds a link. It changes
// nothing. It returns ErrLink, ErrRefused and ErrNoPasskeys.
func (s *Service) BeginRegistration(ctx context.Context, token string) (*protocol.CredentialCreation, error) {
	u, _, err := s.invited(ctx, token)
	if err != nil {
		return nil, err
	}
	known := webauthn.Credentials(u.keys).CredentialDescriptors()
	options, _, err := s.rp.BeginRegistration(u, webauthn.WithExclusions(known), func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.Challenge, o.Timeout = s.challenge("register "+token), int(ChallengeLife.Milliseconds())
		return nil
	})
	return options, err
}

// Register keeps the passkey that a browser has made, uses the link up, and signs its person in. The cookie is shown to
// nobody else. It returns ErrLink, ErrChallenge, ErrMalformed, ErrKnownPasskey, ErrRefused and ErrNoPasskeys.
func (s *Service) Register(ctx context.Context, token string, answer []byte, device string) (sess Session, cookie string, err error) {
	u, link, err := s.invited(ctx, token)
	if err != nil {
		return sess, "", err
	}
	key, used, err := s.made(u, token, answer)
	if err != nil {
		return sess, "", s.refuse(ctx, u.person, "register a passkey", err)
	}
	p := Passkey{ID: key.ID, SlackID: link.SlackID, Device: device, CreatedAt: s.now()}
	if p.Record, err = record(key); err != nil {
		return sess, "", err
	}
	sess, cookie = s.session(u.person, p)
	e := s.entry(incidents.KindPasskeyRegistered, fmt.Sprintf("%s registered a passkey for the console: %s", calledBy(u.person), device),
		actorOf(u.person), map[string]any{"passkey": p.Short(), "device": device, "session": sess.ID, "link_made_by": link.MadeBy})
	err = s.Store.Register(ctx, hash(token), used, p, Opening{Session: sess, CookieHash: hash(cookie), Entry: e})
	return sess, cookie, s.refuse(ctx, u.person, "register a passkey", err)
}

// invited is the person of a link, whose Slack account has to be there.
func (s *Service) invited(ctx context.Context, token string) (user, Link, error) {
	if err := Passkeys(s.site); err != nil {
		return user{}, Link{}, err
	}
	link, bad := s.Store.FindLink(ctx, hash(token), s.now())
	if bad != nil && link.SlackID == "" {
		return user{}, link, bad // a stranger may have made it up
	}
	person, err := s.Accounts.Living(ctx, link.SlackID)
	if bad != nil {
		err = bad
	}
	if person.SlackID = link.SlackID; err != nil {
		return user{}, link, s.refuse(ctx, person, "register a passkey", err)
	}
	u := user{person: person, handle: link.Handle}
	u.keys, err = s.keysOf(ctx, link.SlackID)
	return u, link, err
}

func (s *Service) made(u user, token string, answer []byte) (*webauthn.Credential, Used, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return nil, Used{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	used, err := s.answered("register "+token, challenge)
	if err != nil {
		return nil, used, err
	}
	key, err := s.rp.CreateCredential(u, webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: s.site.Host, UserID: u.handle,
		UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault(),
	}, parsed)
	if err != nil {
		return nil, used, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return key, used, nil
}

// record leaves out how the device vouched for itself: it was not asked for that.
func record(key *webauthn.Credential) ([]byte, error) {
	key.Attestation = webauthn.CredentialAttestation{}
	return json.Marshal(key)
}

// keysOf are the passkeys that a person can sign in with.
func (s *Service) keysOf(ctx context.Context, slackID string) ([]webauthn.Credential, error) {
	all, err := s.Store.Passkeys(ctx, slackID)
	var keys []webauthn.Credential
	for _, p := range all {
		var key webauthn.Credential
		if !p.RevokedAt.IsZero() {
			continue
		}
		if bad := json.Unmarshal(p.Record, &key); bad != nil {
			err = errors.Join(err, fmt.Errorf("reading passkey %s: %w", p.Short(), bad))
			continue
		}
		keys = append(keys, key)
	}
	return keys, err
}

func actorOf(p access.Person) incidents.Actor {
	return incidents.Actor{Kind: incidents.Person, SlackID: p.SlackID, PagerDutyID: p.PagerDutyID, Name: calledBy(p)}
}
