package signin

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// Used is a challenge that was answered.
type Used struct {
	Hash      []byte
	ExpiresAt time.Time
}

const challengePurpose = "signin-challenge.v1"

// challenge is random bytes, the second at which it ends, and a signature of both and of what it is for. The key's ID
// comes last.
func (s *Service) challenge(what string) []byte {
	c := make([]byte, 16, 64)
	_, _ = rand.Read(c) // never fails: crypto/rand ends the program instead
	c = binary.BigEndian.AppendUint64(c, uint64(s.now().Add(ChallengeLife).Unix()))
	kid, mac := s.Ring.Sign(challengePurpose, append(c[:24:24], what...))
	c = append(c, byte(len(mac)))
	c = append(c, mac...)
	return append(c, kid...)
}

// answered returns ErrChallenge for what challenge did not make for the same thing, and for what is over. That it is
// answered once is the store's to see to.
func (s *Service) answered(what, encoded string) (Used, error) {
	c, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(c) < 25 || len(c) < 25+int(c[24]) {
		return Used{}, ErrChallenge
	}
	mac, kid := c[25:25+int(c[24])], string(c[25+int(c[24]):])
	if !s.Ring.Verify(challengePurpose, kid, append(c[:24:24], what...), mac) {
		return Used{}, ErrChallenge
	}
	ends := time.Unix(int64(binary.BigEndian.Uint64(c[16:24])), 0).UTC()
	if !s.now().Before(ends) {
		return Used{}, ErrChallenge
	}
	return Used{Hash: hash(encoded), ExpiresAt: ends}, nil
}
