package signin

import (
	"context"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// Ring signs and verifies with keys that have IDs. What is signed for one purpose verifies for no other.
type Ring interface {
	Sign(purpose string, msg []byte) (kid string, mac []byte)
	Verify(purpose, kid string, msg, mac []byte) bool
}

// Accounts knows who is who; *access.Guard does.
type Accounts interface {
	// Living returns a *access.Denial for an account with which nothing may be done, and an unsure one when Slack does not tell.
	Living(ctx context.Context, slackID string) (access.Person, error)
}

// Timeline keeps who did what.
type Timeline interface {
	// RecordOnce appends an entry, unless there is one of that kind from that source. IncidentID 0 is what happened outside any incident.
	RecordOnce(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
}

// Store keeps links, passkeys and sessions. What takes an entry writes it in the same transaction.
type Store interface {
	// AddLink keeps a link by its token's hash, and its person.
	AddLink(ctx context.Context, tokenHash []byte, l Link, e incidents.Entry) error
	// FindLink returns ErrLink for one that is unknown, and with the link for one that is used, revoked or over at the moment now.
	FindLink(ctx context.Context, tokenHash []byte, now time.Time) (Link, error)
	// Register uses the link and the challenge up, adds the passkey and opens the session: all or nothing. It returns
	// ErrLink, ErrChallenge, and ErrKnownPasskey when there is one of that ID.
	Register(ctx context.Context, tokenHash []byte, c Used, p Passkey, o Opening) error

	// FindPerson finds a person by their handle. It returns ErrRefused.
	FindPerson(ctx context.Context, handle []byte) (slackID string, err error)
	// Passkeys lists a person's, also revoked ones, newest first.
	Passkeys(ctx context.Context, slackID string) ([]Passkey, error)
	// SignIn uses the challenge up, keeps what the passkey's record has become, and opens the session: all or nothing. It
	// returns ErrChallenge, and ErrRefused when the passkey was revoked meanwhile.
	SignIn(ctx context.Context, c Used, p Passkey, o Opening) error
	// Prove is SignIn for a session that is open.
	Prove(ctx context.Context, c Used, p Passkey, session string, e incidents.Entry) error

	// SessionByCookie returns ErrNoSession when none has that cookie; one that is over is returned.
	SessionByCookie(ctx context.Context, cookieHash []byte) (Session, error)
	// SessionByID is SessionByCookie by the session's own ID, which opens nothing by itself.
	SessionByID(ctx context.Context, id string) (Session, error)
	// SessionSeen notes that a session was used, never backwards.
	SessionSeen(ctx context.Context, id string, at time.Time) error
	// EndSession ends one, and says whether this call was the one that did. Only then is the entry written.
	EndSession(ctx context.Context, id string, why Reason, at time.Time, e incidents.Entry) (bool, error)
	// OpenSessions lists those that have not ended.
	OpenSessions(ctx context.Context) ([]Session, error)

	// RevokePasskey ends a passkey and its sessions; ended makes the entry of each of those. It returns ErrUnknown.
	RevokePasskey(ctx context.Context, slackID string, id []byte, at time.Time, e incidents.Entry, ended func(Session) incidents.Entry) error
	// RevokePerson ends all of a person's links, passkeys and sessions; ended makes the entry of each of those. It returns ErrUnknown.
	RevokePerson(ctx context.Context, slackID string, at time.Time, e incidents.Entry, ended func(Session) incidents.Entry) error
	// Forget removes what nobody asks for any more: challenges that are over at now, old links and old sessions.
	Forget(ctx context.Context, now time.Time) error
}
