package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/peer"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
)

const (
	oneKey     = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	anotherKey = "b:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
)

// neighbourhood is a database with bots, as the doctor of one that is called me sees it.
type neighbourhood struct {
	t *testing.T
	c config
}

func newNeighbourhood(t *testing.T) *neighbourhood {
	t.Helper()
	h := &neighbourhood{t: t, c: config{DatabaseURL: storetest.URL(t), SecretKeys: oneKey, DataDir: t.TempDir()}}
	testkit.OK(t, os.WriteFile(filepath.Join(h.c.DataDir, botNameFile), []byte("me\n"), 0o600))
	return h
}

// at has a bot on the engine say that address.
func (h *neighbourhood) at(bot, engine, address string) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.c.DatabaseURL)
	testkit.OK(h.t, err)
	defer conn.Close(h.t.Context())
	_, err = conn.Exec(h.t.Context(), `INSERT INTO bots (bot, run, engine, engine_id, host, scope, peer) VALUES ($1, 'r', $2, 'i', 'h', '', $3)
		ON CONFLICT (bot) DO UPDATE SET engine = EXCLUDED.engine, peer = EXCLUDED.peer`, bot, engine, address)
	testkit.OK(h.t, err)
}

// listens is where a bot with that key answers others.
func (h *neighbourhood) listens(bot, key string) string {
	h.t.Helper()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Listener = tls.NewListener(srv.Listener, peer.Member{Ring: testkit.RingOf(h.t, key), Bot: bot}.Server())
	srv.Start()
	h.t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func (h *neighbourhood) expect(state string, says ...string) {
	h.t.Helper()
	got := check{ask: func(ctx context.Context) (string, error) { return checkPeers(ctx, h.c) }}.run(h.t.Context())
	if got.State != state {
		h.t.Errorf("got %+v, want %s", got, state)
	}
	for _, want := range says {
		if !strings.Contains(got.Found, want) {
			h.t.Errorf("want %q in %q", want, got.Found)
		}
	}
}

func TestDoctorCallsTheOtherBots(t *testing.T) {
	t.Parallel()
	h := newNeighbourhood(t)
	h.expect(checkOK, "there is none")
	h.at("me", "one", "")
	h.at("two", "one", "")
	h.expect(checkOK, "there is none")

	h.at("two", "two", "")
	h.expect(checkWarning, "this bot says no address", "bot two says no address", "Set SNAPBACK_PEER_LISTEN there")

	h.at("me", "one", "127.0.0.1:1")
	two := h.listens("two", oneKey)
	h.at("two", "two", two)
	h.expect(checkOK, "reached two at "+two)

	h.at("three", "one", "127.0.0.1:1")
	h.expect(checkFailed, "bot three can't be reached at 127.0.0.1:1: ") // the second one does not reach its engine
	h.at("three", "one", h.listens("four", oneKey))
	h.expect(checkFailed, "four answers for three")
	h.at("three", "one", h.listens("three", anotherKey))
	h.expect(checkFailed, "bot three can't be reached", "SNAPBACK_SECRET_KEYS have to be the same at both")

	h.at("two", "one", two)
	h.expect(checkWarning, "bot three can't be reached")
}

// TestDoctorSeesThatABotDoesNotKnowItsKey: in the middle of a rotation that has left one out, which the other end says only after the handshake.
func TestDoctorSeesThatABotDoesNotKnowItsKey(t *testing.T) {
	t.Parallel()
	h := newNeighbourhood(t)
	h.c.SecretKeys = anotherKey + "," + oneKey
	h.at("me", "one", "127.0.0.1:1")
	h.at("two", "two", h.listens("two", oneKey))
	h.expect(checkFailed, "bot two can't be reached")
}

func TestDoctorOfBotsChangesNothing(t *testing.T) {
	t.Parallel()
	h := newNeighbourhood(t)
	h.c.SecretKeys, h.c.KeysFile = "", filepath.Join(h.c.DataDir, "secret-keys")
	h.at("two", "two", h.listens("two", oneKey))
	h.expect(checkWarning, "other bots were not called", "keys")
	if _, err := os.Stat(h.c.KeysFile); !os.IsNotExist(err) {
		t.Errorf("it has made keys: %v", err)
	}
	asked := func(c config) string { return fmt.Sprint(checks(c)) }
	if strings.Contains(asked(config{}), "Other bots") || !strings.Contains(asked(h.c), "Other bots") {
		t.Error("a private database has no other bots, and another one may")
	}
}
