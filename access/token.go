package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrUnknownToken says that no API token has that ID.
var ErrUnknownToken = errors.New("no such token")

// Scope is what a token may be used for.
type Scope string

// The scopes. Admin includes all the others.
const (
	ReadSnapshots  Scope = "snapshots:read"
	WriteSnapshots Scope = "snapshots:write"
	RestoreScope   Scope = "restore"
	ReadIncidents  Scope = "incidents:read"
	WriteIncidents Scope = "incidents:write"
	TerminalScope  Scope = "terminal"
	Admin          Scope = "admin"
)

// Scopes lists all scopes.
func Scopes() []Scope {
	return []Scope{ReadSnapshots, WriteSnapshots, RestoreScope, ReadIncidents, WriteIncidents, TerminalScope, Admin}
}

// ErrBadToken says that a token can't be made as it was asked for.
var ErrBadToken = errors.New("not a token that can be made")

// ParseScopes reads scopes as people write them. It returns an error that wraps ErrBadToken and lists those there are.
func ParseScopes(list []string) ([]Scope, error) {
	scopes := make([]Scope, 0, len(list))
	for _, s := range list {
		scope := Scope(strings.TrimSpace(s))
		if !slices.Contains(Scopes(), scope) {
			return nil, fmt.Errorf("%w: no scope %.80q; there are %v", ErrBadToken, s, Scopes())
		}
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes, nil
}

// Token is what is kept of a token: everything but the secret. Times are UTC; the zero time means never.
type Token struct {
	ID         string
	Name       string // whose it is, for people and for the timeline
	Scopes     []Scope
	Hash       []byte // SHA-256 of the whole secret
	CreatedAt  time.Time
	LastUsedAt time.Time // to the minute
	RevokedAt  time.Time
}

// May says whether the token may be used for any one of these.
func (t Token) May(anyOf []Scope) bool {
	if slices.Contains(t.Scopes, Admin) {
		return true
	}
	return slices.ContainsFunc(anyOf, func(s Scope) bool { return slices.Contains(t.Scopes, s) })
}

// A name goes onto the timeline and into log lines.
var tokenName = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._@:/-]{0,63}$`)

// The form lets secret scanners find a token that went astray, and the server look it up by the ID in it.
var tokenForm = regexp.MustCompile(`^snapback_([0-9a-f]{16})_[0-9a-f]{64}$`)

// NewToken makes a token. The secret, snapback_<id>_<random>, is shown once and kept nowhere. It returns an error
// that wraps ErrBadToken for a name or scopes that don't do.
func NewToken(name string, scopes []Scope) (t Token, secret string, err error) {
	if !tokenName.MatchString(name) {
		return Token{}, "", fmt.Errorf("%w: a name has 1 to 64 letters, digits, spaces and . _ @ : / -, and begins with a letter or digit", ErrBadToken)
	}
	if len(scopes) == 0 {
		return Token{}, "", fmt.Errorf("%w: it needs a scope; there are %v", ErrBadToken, Scopes())
	}
	raw := make([]byte, 8+32)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the program instead
	id := hex.EncodeToString(raw[:8])
	secret = "snapback_" + id + "_" + hex.EncodeToString(raw[8:])
	return Token{ID: id, Name: name, Scopes: scopes, Hash: hashSecret(secret), CreatedAt: time.Now().UTC()}, secret, nil
}

// hashSecret needs no salt and no slow hash, unlike a password's: 256 random bits can't be guessed however fast the
// guessing, and a slow hash would let anybody keep the server busy.
func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Matches compares in a time that doesn't depend on how much is right.
func (t Token) Matches(secret string) bool {
	return subtle.ConstantTimeCompare(t.Hash, hashSecret(secret)) == 1
}

// TokenID is the ID in a secret; "" when it has not the form of one.
func TokenID(secret string) string {
	m := tokenForm.FindStringSubmatch(secret)
	if m == nil {
		return ""
	}
	return m[1]
}

// MinBootstrap is how many characters long a bootstrap token must be. Its randomness is the operator's, and can't be checked.
const MinBootstrap = 20

// BootstrapID is the ID of the token from the configuration, which is in no database.
const BootstrapID = "bootstrap"

// BootstrapToken is the token from the configuration, with every scope; ok is false when there is none, or one that is too
// short.
func BootstrapToken(secret string) (t Token, ok bool) {
	if len(secret) < MinBootstrap {
		return Token{}, false
	}
	return Token{ID: BootstrapID, Name: BootstrapID, Scopes: Scopes(), Hash: hashSecret(secret)}, true
}
