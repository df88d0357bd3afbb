package incidents

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrBroken says that a timeline is not as it was written.
var ErrBroken = errors.New("the chain of entries is broken")

// Seal sets e's PrevHash and Hash so that it follows prev, the hash of the entry before it (nil for the first).
// Times are cut to microseconds, which is what Postgres keeps.
func (e *Entry) Seal(prev []byte) error {
	e.OccurredAt = e.OccurredAt.UTC().Truncate(time.Microsecond)
	e.RecordedAt = e.RecordedAt.UTC().Truncate(time.Microsecond)
	e.PrevHash = prev
	hash, err := e.digest()
	if err != nil {
		return fmt.Errorf("hashing entry %d: %w", e.Seq, err)
	}
	e.Hash = hash
	return nil
}

// digest is SHA-256 over the JSON form of everything but the row's ID and the hash itself. PrevHash is within it,
// so that a hash stands for the whole chain up to here.
func (e Entry) digest() ([]byte, error) {
	e.ID, e.Hash = 0, nil
	e.OccurredAt, e.RecordedAt = e.OccurredAt.UTC(), e.RecordedAt.UTC()
	if len(e.PrevHash) == 0 {
		e.PrevHash = nil
	}
	if len(e.Details) == 0 {
		e.Details = nil
	}
	doc, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(doc)
	return sum[:], nil
}

// Verify proves that entries, oldest first and from the very first one, are what was written: none changed, none
// missing before the last. It returns an error that wraps ErrBroken and names the first entry that does not hold.
// A chain cut off at its end can't be told from a shorter one: compare the last hash with one noted elsewhere.
func Verify(entries []Entry) error {
	var v Verifier
	for _, e := range entries {
		if err := v.Add(e); err != nil {
			return err
		}
	}
	return nil
}

// Verifier is Verify for entries that come one by one. The zero value is ready for the first one.
type Verifier struct {
	Count int64  // entries that hold
	Last  []byte // the hash of the last one; nil: there was none
}

// Add returns an error that wraps ErrBroken for an entry that is not the next one as it was written.
func (v *Verifier) Add(e Entry) error {
	if want := v.Count + 1; e.Seq != want {
		return fmt.Errorf("%w: entry %d is where %d should be", ErrBroken, e.Seq, want)
	}
	if !bytes.Equal(e.PrevHash, v.Last) {
		return fmt.Errorf("%w: entry %d does not follow the one before it", ErrBroken, e.Seq)
	}
	hash, err := e.digest()
	if err != nil {
		return fmt.Errorf("hashing entry %d: %w", e.Seq, err)
	}
	if !bytes.Equal(hash, e.Hash) {
		return fmt.Errorf("%w: entry %d was changed", ErrBroken, e.Seq)
	}
	v.Count, v.Last = v.Count+1, e.Hash
	return nil
}

// Details is what callers hand over for an entry's details: anything that marshals to a JSON object.
// It returns nil for nil.
func Details(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	doc, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding details: %w", err)
	}
	return doc, nil
}
