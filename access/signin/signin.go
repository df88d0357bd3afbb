package signin

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/site"
)

// The refusals. ErrRefused says nothing more on purpose: the cause is in the log and on the timeline.
var (
	ErrNoPasskeys   = errors.New("passkeys don't work under this public URL")
	ErrLink         = errors.New("the link is used, over, or not one of ours")
	ErrChallenge    = errors.New("the challenge is used, over, or not one of ours")
	ErrRefused      = errors.New("that passkey does not sign anybody in")
	ErrMalformed    = errors.New("that is not what a passkey answers")
	ErrKnownPasskey = errors.New("that passkey is registered already")
	ErrNoSession    = errors.New("nobody is signed in")
	ErrOver         = errors.New("the session is over")
	ErrProve        = access.ErrProve
	ErrUnknown      = errors.New("no such person or passkey")
)

// The limits.
const (
	ChallengeLife = 2 * time.Minute
	SlackLinkLife = 10 * time.Minute
	HostLinkLife  = time.Hour
	DefaultIdle   = 12 * time.Hour
	DefaultLife   = 7 * 24 * time.Hour
	FreshFor      = 15 * time.Minute // how long ago the passkey may have been asked for, where that counts
)

// Passkey is one device of a person's. Times are UTC; the zero time means never.
type Passkey struct {
	ID         []byte
	SlackID    string
	Device     string // for people, such as "iPhone, Safari"
	Record     []byte // JSON of the library: public key, flags, counter
	CreatedAt  time.Time
	LastUsedAt time.Time
	RevokedAt  time.Time
}

// Link registers a passkey, once.
type Link struct {
	SlackID   string
	Handle    []byte // of the person, for authenticators; AddLink keeps the one that they have
	MadeBy    string // slack or host
	MadeAt    time.Time
	ExpiresAt time.Time
}

// Reason is why a session is over.
type Reason string

// The reasons. They are stored.
const (
	SignedOut   Reason = "signed out"
	Idle        Reason = "idle"
	TooOld      Reason = "too old"
	Revoked     Reason = "revoked"
	AccountOver Reason = "account over"
)

// Session is somebody who is signed in. Times are UTC.
type Session struct {
	ID         string
	SlackID    string
	Name       string
	Passkey    []byte
	Device     string
	OpenedAt   time.Time
	LastSeenAt time.Time
	ProvedAt   time.Time // when the passkey was asked for last
	ExpiresAt  time.Time
	EndedAt    time.Time // zero: it is open
	Reason     Reason
}

// Registered is a person as the host lists them.
type Registered struct {
	SlackID  string
	Name     string
	AddedAt  time.Time
	Passkeys []Passkey
}

// Config is what a Service needs. All but the last five are required.
type Config struct {
	PublicURL string
	Store     Store
	Ring      Ring
	Accounts  Accounts
	Timeline  Timeline

	Idle   time.Duration // 0: DefaultIdle
	Life   time.Duration // 0: DefaultLife
	Zone   *time.Location
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: silent
}

// Service registers passkeys and signs people in. Its methods may be called from several goroutines.
type Service struct {
	Config
	site  site.Site
	rp    *webauthn.WebAuthn
	spare *refusalBudget
	owed  incidents.Owed // refusals

	running sync.WaitGroup
	stop    func()
}

// New makes one. It fails for a public URL that is none; one under which passkeys don't work is told by Ready.
func New(c Config) (*Service, error) {
	if c.Idle == 0 {
		c.Idle = DefaultIdle
	}
	if c.Life == 0 {
		c.Life = DefaultLife
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	at, err := site.Parse(c.PublicURL)
	if err != nil {
		return nil, err
	}
	s := &Service{Config: c, site: at, spare: newRefusalBudget()}
	if Passkeys(at) != nil {
		return s, nil
	}
	required := true
	s.rp, err = webauthn.New(&webauthn.Config{
		RPID: at.Host, RPDisplayName: "Snapback", RPOrigins: []string{at.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &required, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
	return s, err
}

// Site is where the console is.
func (s *Service) Site() site.Site { return s.site }

func (s *Service) now() time.Time { return s.Now().UTC() }

// hash is what is kept of a token, a cookie or a challenge. They are random, so that a plain hash is enough.
func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// user is a person as the library sees them.
type user struct {
	person access.Person
	handle []byte
	keys   []webauthn.Credential
}

func (u user) WebAuthnID() []byte                         { return u.handle }
func (u user) WebAuthnName() string                       { return u.person.Name }
func (u user) WebAuthnDisplayName() string                { return u.person.Name }
func (u user) WebAuthnCredentials() []webauthn.Credential { return u.keys }
