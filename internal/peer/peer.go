// Package peer is how the bots of one database talk to each other: over TLS, each sure that the other has the secret keys that they all
// share, and which bot it is.
//
// There is nothing to be set up for it. Each connection has a certificate of its own, whose key is derived (HKDF) from the first secret key
// and a fresh salt. Whoever has the ring derives the same key again from what the certificate says (the key's ID, the salt), and
// compares; TLS 1.3 proves that the other side holds it. So nobody without a key of the ring gets as far as a request, what is said can
// neither be read nor be repeated by anybody between, and a key that is taken out of the ring opens no connection any more. One that is open
// stays so: servers answer one request on each.
//
// The package knows nothing of what is said.
package peer

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// ErrStranger says that whoever is at the other end is not the bot that was meant, or none of this database.
var ErrStranger = errors.New("not a bot of this database")

// purpose is what keys are derived for.
const purpose = "peer"

// dialTime is how long a bot may take to answer a call, and to say who it is.
const dialTime = 5 * time.Second

// Ring derives keys: *keyring.Ring.
type Ring interface {
	Derive(purpose string, salt []byte) (kid string, secret []byte)
	DeriveWith(kid, purpose string, salt []byte) ([]byte, error)
}

// Member is one bot among those that share the ring.
type Member struct {
	Ring Ring
	Bot  string // its name, by which the others know it
}

// Server is for a listener: it takes calls of other bots only.
func (m Member) Server() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{"http/1.1"}, // a WebSocket needs it
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return m.certificate() },
		VerifyConnection: func(c tls.ConnectionState) error {
			bot, err := m.calls(c)
			if err == nil && bot == m.Bot {
				err = fmt.Errorf("%w: it calls itself %s, as this one does", ErrStranger, bot)
			}
			return err
		},
	}
}

// Dial connects to that bot at its address (host:port), and to no other one. It returns ErrStranger when somebody else answers there.
func (m Member) Dial(ctx context.Context, bot, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{
		MinVersion:           tls.VersionTLS13,
		NextProtos:           []string{"http/1.1"},
		InsecureSkipVerify:   true, // by authorities, which know nothing of bots: VerifyConnection is stricter
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return m.certificate() },
		VerifyConnection: func(c tls.ConnectionState) error {
			is, err := m.calls(c)
			if err == nil && is != bot {
				err = fmt.Errorf("%w: %s answers for %s", ErrStranger, is, bot)
			}
			return err
		},
	}}
	return d.DialContext(ctx, "tcp", address)
}

// certificate is one for one connection.
func (m Member) certificate() (*tls.Certificate, error) {
	salt := make([]byte, 32)
	rand.Read(salt)
	kid, seed := m.Ring.Derive(purpose, salt)
	key := ed25519.NewKeyFromSeed(seed)
	is := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: m.Bot, OrganizationalUnit: []string{kid}, SerialNumber: hex.EncodeToString(salt)},
		NotAfter:     time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), // its key says whether it holds
	}
	der, err := x509.CreateCertificate(rand.Reader, &is, &is, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// calls is what the bot at the other end calls itself. Nothing may be done about it before the handshake is over: only then TLS has proved
// that it holds the key of its certificate.
func (m Member) calls(c tls.ConnectionState) (bot string, err error) {
	if len(c.PeerCertificates) != 1 {
		return "", fmt.Errorf("%w: %d certificates", ErrStranger, len(c.PeerCertificates))
	}
	is := c.PeerCertificates[0]
	shown, isKey := is.PublicKey.(ed25519.PublicKey)
	salt, err := hex.DecodeString(is.Subject.SerialNumber)
	if !isKey || err != nil || len(salt) != 32 || len(is.Subject.OrganizationalUnit) != 1 {
		return "", fmt.Errorf("%w: a certificate of another kind", ErrStranger)
	}
	seed, err := m.Ring.DeriveWith(is.Subject.OrganizationalUnit[0], purpose, salt)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrStranger, err)
	}
	own := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if subtle.ConstantTimeCompare(own, shown) != 1 {
		return "", fmt.Errorf("%w: another key", ErrStranger)
	}
	return is.Subject.CommonName, nil
}
