package terminal_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// endless is the beginning of a masked text frame of 2^40 bytes.
var endless = []byte{0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4}

// beneath dials a WebSocket, and returns the connection beneath it as well.
func (n *night) beneath(path, protocol string, have http.Header) (*websocket.Conn, net.Conn) {
	n.t.Helper()
	var raw net.Conn
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		raw = conn
		return conn, err
	}}}
	conn, _, err := websocket.Dial(n.t.Context(), n.url+path, &websocket.DialOptions{HTTPClient: client, HTTPHeader: have, Subprotocols: []string{protocol}})
	testkit.OK(n.t, err)
	n.t.Cleanup(func() { _ = raw.Close() })
	return conn, raw
}

// ends fails unless the bot ends a connection on which nothing more is said.
func ends(t *testing.T, raw net.Conn) {
	t.Helper()
	testkit.OK(t, raw.SetReadDeadline(time.Now().Add(time.Minute)))
	if _, err := io.Copy(io.Discard, raw); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the bot holds on to it")
	}
}

// TestAFarewellThatHasNoEndIsNotWaitedFor: neither somebody with a session nor a stranger can hold on to a connection by announcing a
// frame that never comes to its end.
func TestAFarewellThatHasNoEndIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*night) (*websocket.Conn, net.Conn){
		"of a session": func(n *night) (*websocket.Conn, net.Conn) {
			_, have := n.session(access.ModeLogs)
			conn, raw := n.beneath("/t/ws", terminal.Subprotocol, have)
			testkit.OK(n.t, conn.Write(n.t.Context(), websocket.MessageText, []byte(`{"type":"hello","session":"another"}`)))
			return conn, raw
		},
		"of a stranger": func(n *night) (*websocket.Conn, net.Conn) {
			return n.beneath("/t/try", "snapback.try.v1", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			_, raw := open(n)
			_, err := raw.Write(endless)
			testkit.OK(t, err)
			ends(t, raw)
		})
	}
}
