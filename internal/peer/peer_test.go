package peer_test

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/peer"
	"github.com/snapback/snapback/internal/testkit"
)

const (
	keyA = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	keyB = "b:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
	keyC = "a:CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCA=" // another key under an ID that is known
)

// serve has a bot answer "here" to other bots, and returns its address.
func serve(t *testing.T, bot string, ring *keyring.Ring) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	srv.Listener = tls.NewListener(srv.Listener, peer.Member{Ring: ring, Bot: bot}.Server())
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// ask asks a bot, as another one does.
func ask(t *testing.T, me peer.Member, bot, address string) (string, error) {
	t.Helper()
	conn, err := me.Dial(t.Context(), bot, address)
	if err != nil {
		return "", err
	}
	return request(conn)
}

func request(conn net.Conn) (string, error) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestBotsThatShareKeysTalk(t *testing.T) {
	t.Parallel()
	for name, rings := range map[string][2]string{
		"one key": {keyA, keyA}, "in the middle of a rotation": {keyB + "," + keyA, keyA + "," + keyB},
	} {
		address := serve(t, "two", testkit.RingOf(t, rings[1]))
		if said, err := ask(t, peer.Member{Ring: testkit.RingOf(t, rings[0]), Bot: "one"}, "two", address); said != "here" || err != nil {
			t.Errorf("%s: %q, %v", name, said, err)
		}
	}
}

func TestAKeyThatIsTakenOutOpensNothingAnyMore(t *testing.T) {
	t.Parallel()
	ring := testkit.RingOf(t, keyB+","+keyA)
	address := serve(t, "two", ring)
	old := peer.Member{Ring: testkit.RingOf(t, keyA+","+keyB), Bot: "one"}
	if _, err := ask(t, old, "two", address); err != nil {
		t.Fatal(err)
	}
	testkit.OK(t, ring.Replace(keyB))
	if said, err := ask(t, old, "two", address); err == nil {
		t.Errorf("answered %q", said)
	}
}

func TestNobodyIsMistakenForABot(t *testing.T) {
	t.Parallel()
	ring := testkit.RingOf(t, keyA)
	address := serve(t, "two", ring)
	for name, c := range map[string]struct {
		me  peer.Member
		bot string
	}{
		"another bot answers there":     {peer.Member{Ring: ring, Bot: "one"}, "three"},
		"it is the caller":              {peer.Member{Ring: ring, Bot: "two"}, "two"},
		"with a key that is not known":  {peer.Member{Ring: testkit.RingOf(t, keyB), Bot: "one"}, "two"},
		"with another key of that name": {peer.Member{Ring: testkit.RingOf(t, keyC), Bot: "one"}, "two"},
	} {
		if said, err := ask(t, c.me, c.bot, address); err == nil {
			t.Errorf("%s: answered %q", name, said)
		}
	}
	if _, err := (peer.Member{Ring: ring, Bot: "one"}).Dial(t.Context(), "three", address); !errors.Is(err, peer.ErrStranger) {
		t.Errorf("another bot answers there: %v", err)
	}
}

// TestStrangersGetNoAnswer has those who come in by themselves: with no certificate that proves a key, and with one that does, of another
// kind than bots have.
func TestStrangersGetNoAnswer(t *testing.T) {
	t.Parallel()
	ring := testkit.RingOf(t, keyA)
	address := serve(t, "two", ring)
	_, own, err := ed25519.GenerateKey(rand.Reader)
	testkit.OK(t, err)
	subject := func(salt []byte, kids ...string) pkix.Name {
		return pkix.Name{CommonName: "one", OrganizationalUnit: kids, SerialNumber: hex.EncodeToString(salt)}
	}
	of := func(salt []byte, kids ...string) tls.Certificate {
		_, seed := ring.Derive("peer", salt)
		return certificate(t, subject(salt, kids...), ed25519.NewKeyFromSeed(seed))
	}
	salt := make([]byte, 32)
	right := of(salt, "a")
	two := right
	two.Certificate = append(slices.Clone(right.Certificate), certificate(t, subject(salt, "a"), own).Certificate...)
	tried := map[string]*tls.Config{
		"no certificate": {}, "a key of its own": {Certificates: []tls.Certificate{certificate(t, subject(salt, "a"), own)}},
		"TLS 1.2":          {Certificates: []tls.Certificate{right}, MaxVersion: tls.VersionTLS12},
		"no salt":          {Certificates: []tls.Certificate{of(nil, "a")}},
		"a short salt":     {Certificates: []tls.Certificate{of(salt[:16], "a")}},
		"no key's ID":      {Certificates: []tls.Certificate{of(salt)}},
		"two keys' IDs":    {Certificates: []tls.Certificate{of(salt, "a", "b")}},
		"two certificates": {Certificates: []tls.Certificate{two}},
		"":                 {Certificates: []tls.Certificate{right}}, // is let in
	}
	for name, c := range tried {
		c.InsecureSkipVerify = true
		conn, err := (&tls.Dialer{Config: c}).DialContext(t.Context(), "tcp", address)
		var said string
		if err == nil {
			said, err = request(conn) // the server may refuse only then
		}
		if let := err == nil && said == "here"; let != (name == "") {
			t.Errorf("%s: answered %q, %v", name, said, err)
		}
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	testkit.OK(t, err)
	if said, err := request(conn); err == nil && said == "here" {
		t.Error("without TLS: answered")
	}
}

func certificate(t *testing.T, subject pkix.Name, key ed25519.PrivateKey) tls.Certificate {
	t.Helper()
	is := x509.Certificate{SerialNumber: big.NewInt(1), Subject: subject, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &is, &is, key.Public(), key)
	testkit.OK(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
