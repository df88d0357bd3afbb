package ownengine_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/ownengine"
)

func start(t *testing.T) *ownengine.Engine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("an engine of its own needs root")
	}
	dir, err := os.MkdirTemp("", "sbd") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	e, err := ownengine.Start(t.Context(), ownengine.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// TestItsNetworkIsItsOwn: what listens there is reached through the engine alone. A process that is to end with its parent does not end with a
// visit there.
func TestItsNetworkIsItsOwn(t *testing.T) {
	t.Parallel()
	e := start(t)
	l, err := e.Listen("tcp", ownengine.Address+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 20 { // so that many threads have started one
		c := exec.Command("cat")
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		in, err := c.StdinPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = in.Close()
			if err := c.Wait(); err != nil {
				t.Errorf("a child has not ended by itself: %v", err)
			}
		}()
		conn, err := e.Dial(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("it is reached from the machine's own network, too")
	}
}

// TestItBeginsAgainAndEnds: an engine that was killed begins again, and one that was closed takes no more orders.
func TestItBeginsAgainAndEnds(t *testing.T) {
	t.Parallel()
	e := start(t)
	for _, order := range []string{ownengine.Kill, ownengine.Begin, ownengine.Term} {
		if err := e.Tell(t.Context(), order); err != nil {
			t.Fatal(err)
		}
	}
	e.Close()
	if err := e.Tell(t.Context(), ownengine.Begin); err == nil {
		t.Error("it took an order after its end")
	}
}
