package console_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// What an authenticator says of itself (WebAuthn, section 6.1).
const (
	present  = 0x01
	verified = 0x04
	attested = 0x40
)

// device is an authenticator in software, that can be told to lie.
type device struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte // the person's, as registered
	count  uint32

	origin, rp string
	flags      byte
}

func newDevice(t *testing.T, origin string) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &device{t: t, key: key, id: make([]byte, 32), origin: origin, rp: "localhost", flags: present | verified}
	_, _ = rand.Read(d.id)
	return d
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (d *device) clientData(what, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": what, "challenge": challenge, "origin": d.origin, "crossOrigin": false})
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

func (d *device) authData(flags byte, more []byte) []byte {
	d.count++
	rp := sha256.Sum256([]byte(d.rp))
	b := append(rp[:], flags)
	return append(binary.BigEndian.AppendUint32(b, d.count), more...)
}

// options are what the server asks for, of both kinds.
type options struct {
	PublicKey struct {
		Challenge string
		User      struct{ ID, Name string }
	}
}

// create answers navigator.credentials.create.
func (d *device) create(o options) any {
	d.t.Helper()
	var err error
	if d.handle, err = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID); err != nil {
		d.t.Fatal(err)
	}
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		d.t.Fatal(err)
	}
	// {1: 2, 3: -7, -1: 1, -2: x, -3: y} in CBOR (RFC 9052)
	cose := append([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, point[1:33]...)
	cose = append(append(cose, 0x22, 0x58, 32), point[33:]...)
	key := append(make([]byte, 16), binary.BigEndian.AppendUint16(nil, uint16(len(d.id)))...)
	data := d.authData(d.flags|attested, append(append(key, d.id...), cose...))
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59"), binary.BigEndian.AppendUint16(nil, uint16(len(data)))...)
	return d.envelope(map[string]any{
		"clientDataJSON": encode(d.clientData("webauthn.create", o.PublicKey.Challenge)), "attestationObject": encode(append(object, data...)), "transports": []string{"internal"},
	})
}

// get answers navigator.credentials.get.
func (d *device) get(o options) any {
	d.t.Helper()
	client, data := d.clientData("webauthn.get", o.PublicKey.Challenge), d.authData(d.flags, nil)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	if err != nil {
		d.t.Fatal(err)
	}
	return d.envelope(map[string]any{
		"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(signature), "userHandle": encode(d.handle),
	})
}

func (d *device) envelope(response map[string]any) any {
	return map[string]any{"id": encode(d.id), "rawId": encode(d.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}}
}
