package incidents

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
)

// Signature says that an entry, with all before it in its chain, was written by somebody who has the secret keys. The zero
// value is that of entries from before they were signed.
type Signature struct {
	KeyID string
	MAC   []byte
	State []byte // the Digest of the entry's incident as the entry has left it; nil outside of incidents
}

// signPurpose keeps these signatures apart from all others made with the same keys.
const signPurpose = "timeline-entry.v1"

// Signer signs with keys that are not where the entries are; *keyring.Ring is one.
type Signer interface {
	Sign(purpose string, msg []byte) (kid string, mac []byte)
	Verify(purpose, kid string, msg, mac []byte) bool
}

// Sign signs e, which is sealed, and its incident's state.
func (e *Entry) Sign(keys Signer, state []byte) {
	e.Signature = Signature{State: state}
	e.Signature.KeyID, e.Signature.MAC = keys.Sign(signPurpose, e.signed())
}

// Signed says whether e has been signed at all.
func (e *Entry) Signed() bool { return len(e.Signature.MAC) > 0 }

// SignedBy says whether e and the state with it are as they were signed with one of keys.
func (e *Entry) SignedBy(keys Signer) bool {
	return e.Signed() && keys.Verify(signPurpose, e.Signature.KeyID, e.signed(), e.Signature.MAC)
}

// Holds says whether e is to the letter what was signed with one of keys. What stands before and after it is not looked at.
func (e *Entry) Holds(keys Signer) bool {
	hash, err := e.digest()
	return err == nil && bytes.Equal(hash, e.Hash) && e.SignedBy(keys)
}

// Left says whether i is as the entry, which holds, has left it.
func (e *Entry) Left(i Incident) bool {
	digest, err := i.Digest()
	return err == nil && bytes.Equal(digest, e.Signature.State)
}

// signed is what the signature is of. Both parts have one length each, so that neither can be taken for the other.
func (e *Entry) signed() []byte { return append(append([]byte(nil), e.Hash...), e.Signature.State...) }

// Digest stands for all that is known of i. A member that comes to be known later has to be omitted from its JSON while it
// is empty, or what was signed before would not be recognised.
func (i Incident) Digest() ([]byte, error) {
	doc, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(doc)
	return sum[:], nil
}
