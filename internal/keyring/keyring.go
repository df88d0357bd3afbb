// Package keyring holds the secret keys that sign links and seal what must not be readable at rest. Every key has an
// ID, which goes with what it signed or sealed, so that keys can be rotated: the first one in the ring makes new
// signatures and seals, all of them check and open old ones.
//
// For each purpose a key of its own is derived, so that a signature for one can't serve for another.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
)

// Errors of a ring.
var (
	ErrMalformed  = errors.New(`keys must be "id:base64" pairs, separated by commas, of 32 bytes or more each`)
	ErrUnknownKey = errors.New("sealed with a key that is not in the ring any more")
	ErrTampered   = errors.New("sealed data was changed, or is not for this")
	ErrExposed    = errors.New("can be read by others than its owner")
)

type key struct {
	id     string
	secret []byte
}

// Ring is a set of keys. It is safe for concurrent use; Replace changes the keys while it is used.
type Ring struct{ keys atomic.Pointer[[]key] }

// Parse reads "id:base64,id:base64"; the first key signs and seals.
func Parse(text string) (*Ring, error) {
	r := &Ring{}
	return r, r.Replace(text)
}

var keyID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// Replace puts the keys of text in the place of those that were. The ring is unchanged when it returns an error.
func (r *Ring) Replace(text string) error {
	var keys []key
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		id, encoded, found := strings.Cut(strings.TrimSpace(part), ":")
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if !found || err != nil || !keyID.MatchString(id) || len(secret) < 32 || seen[id] {
			return ErrMalformed
		}
		seen[id] = true
		keys = append(keys, key{id, secret})
	}
	r.keys.Store(&keys)
	return nil
}

// Load reads the keys from a file, and makes the file with one new key when there is none. It is readable by its
// owner only, and complete or not there at all. It returns what Private does.
func Load(path string) (*Ring, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	if err := Private(path); err != nil {
		return nil, err
	}
	ring, err := Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ring, nil
}

// Private returns ErrExposed, and what to do, unless only its owner may read a key file. A group may where the owner is
// somebody else, as of secrets that an orchestrator mounts: who reads it then is that one's decision.
func Private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at the key file: %w", err)
	}
	others := fs.FileMode(0o077)
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		others = 0o007
	}
	if info.Mode().Perm()&others != 0 {
		return fmt.Errorf("%s %w (mode %04o): chmod 600 %[1]s", path, ErrExposed, info.Mode().Perm())
	}
	return nil
}

func create(path string) ([]byte, error) {
	secret := make([]byte, 32)
	rand.Read(secret)
	id := make([]byte, 3)
	rand.Read(id)
	text := fmt.Appendf(nil, "k%x:%s\n", id, base64.StdEncoding.EncodeToString(secret))
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	// Link, not rename: of two that start at once, one makes the key and both use it.
	if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

func (r *Ring) first() key { return (*r.keys.Load())[0] }

func (r *Ring) find(id string) (key, bool) {
	for _, k := range *r.keys.Load() {
		if k.id == id {
			return k, true
		}
	}
	return key{}, false
}

func (k key) derive(purpose string) []byte {
	sub, err := hkdf.Key(sha256.New, k.secret, nil, "snapback "+purpose, 32)
	if err != nil {
		panic(err) // only for lengths that HKDF can't give
	}
	return sub
}

// Sign returns the ID of the signing key, and the MAC (HMAC-SHA256) of msg for purpose.
func (r *Ring) Sign(purpose string, msg []byte) (kid string, mac []byte) {
	k := r.first()
	h := hmac.New(sha256.New, k.derive(purpose))
	h.Write(msg)
	return k.id, h.Sum(nil)
}

// Verify says whether mac is what Sign gave for msg and purpose under the key kid. It takes the same time wherever
// they differ.
func (r *Ring) Verify(purpose, kid string, msg, mac []byte) bool {
	k, ok := r.find(kid)
	if !ok {
		return false
	}
	h := hmac.New(sha256.New, k.derive(purpose))
	h.Write(msg)
	return hmac.Equal(h.Sum(nil), mac)
}

// Seal encrypts text with AES-256-GCM, for purpose and bound to about (what it belongs to): the same two must be
// given to Open. The result starts with the key's ID.
func (r *Ring) Seal(purpose, about string, text []byte) ([]byte, error) {
	k := r.first()
	aead, err := k.aead(purpose)
	if err != nil {
		return nil, err
	}
	head := append(make([]byte, 0, 1+len(k.id)+len(text)+aead.Overhead()), byte(len(k.id)))
	return aead.Seal(append(head, k.id...), nil, text, []byte(about)), nil
}

// Open decrypts what Seal made. It returns ErrUnknownKey or ErrTampered.
func (r *Ring) Open(purpose, about string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1 || len(sealed) < 1+int(sealed[0]) {
		return nil, ErrTampered
	}
	n := 1 + int(sealed[0])
	k, ok := r.find(string(sealed[1:n]))
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, sealed[1:n])
	}
	aead, err := k.aead(purpose)
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(nil, nil, sealed[n:], []byte(about))
	if err != nil {
		return nil, ErrTampered
	}
	return text, nil
}

func (k key) aead(purpose string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.derive(purpose))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Derive returns a key of 32 bytes for purpose and salt from the first key of the ring, and that key's ID, for seals
// that are too large for Seal. The salt must be used once: 32 random bytes.
func (r *Ring) Derive(purpose string, salt []byte) (kid string, secret []byte) {
	k := r.first()
	return k.id, k.deriveSalted(purpose, salt)
}

// DeriveWith returns what Derive did when kid was the first key. It returns ErrUnknownKey.
func (r *Ring) DeriveWith(kid, purpose string, salt []byte) ([]byte, error) {
	k, ok := r.find(kid)
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, kid)
	}
	return k.deriveSalted(purpose, salt), nil
}

func (k key) deriveSalted(purpose string, salt []byte) []byte {
	sub, err := hkdf.Key(sha256.New, k.secret, salt, "snapback stream "+purpose, 32)
	if err != nil {
		panic(err) // only for lengths that HKDF can't give
	}
	return sub
}
