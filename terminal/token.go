package terminal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
)

// signPurpose keeps these signatures apart from all others made with the same keys.
const signPurpose = "terminal-link.v1"

// maxToken bounds what is parsed before the signature is known to be ours.
const maxToken = 4096

// claims are all that a link is bound to. They travel in the token, which lets the page say what the link is for
// without asking the server; the signature covers every byte of them.
type claims struct {
	Nonce     string        `json:"n"`
	Person    access.Holder `json:"p"`
	Incident  int64         `json:"i,omitempty"`
	Container string        `json:"c"`
	Name      string        `json:"d"`
	Mode      access.Mode   `json:"m"`
	Expires   int64         `json:"e"`           // seconds since 1970
	Since     int64         `json:"s,omitempty"` // the same, of where logs begin; 0: not said
}

func (c claims) grant() access.Grant {
	g := access.Grant{Person: c.Person, IncidentID: c.Incident, Container: c.Container, Name: c.Name, Mode: c.Mode}
	if c.Since != 0 {
		g.LogsSince = time.Unix(c.Since, 0).UTC()
	}
	return g
}

func (c claims) expires() time.Time { return time.Unix(c.Expires, 0).UTC() }

// sign returns payload.kid.mac, each part in unpadded base64url, and the key's ID.
func sign(ring Ring, c claims) (token, kid string, err error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", "", fmt.Errorf("encoding the claims: %w", err)
	}
	kid, mac := ring.Sign(signPurpose, payload)
	e := base64.RawURLEncoding.EncodeToString
	return e(payload) + "." + e([]byte(kid)) + "." + e(mac), kid, nil
}

// verify returns ErrLinkForged for all that sign did not make with one of the ring's keys.
func verify(ring Ring, token string) (claims, error) {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return claims{}, ErrLinkForged
	}
	var raw [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil {
			return claims{}, ErrLinkForged
		}
		raw[i] = b
	}
	var c claims
	if !ring.Verify(signPurpose, string(raw[1]), raw[0], raw[2]) || json.Unmarshal(raw[0], &c) != nil {
		return claims{}, ErrLinkForged
	}
	return c, nil
}

// hash is what the database knows of a token or a cookie. They are random, so that a plain hash is enough.
func hash(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}
