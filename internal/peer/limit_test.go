package peer_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/peer"
)

func TestAListenerHangsUpOnWhatIsBeyondItsLimit(t *testing.T) {
	t.Parallel()
	plain, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused, taken := make(chan net.Addr, 10), make(chan net.Conn, 10)
	l := peer.Limit(plain, 2, func(from net.Addr) { refused <- from })
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			taken <- conn
		}
	}()
	call := func() net.Conn {
		t.Helper()
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	call()
	call()
	first, second := <-taken, <-taken
	third := call()
	if from := <-refused; from.String() != third.LocalAddr().String() {
		t.Errorf("refused was %s, and the third is %s", from, third.LocalAddr())
	}
	_ = third.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := third.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the third was not hung up on: %v", err)
	}
	_ = first.Close()
	_ = first.Close() // which counts once
	call()
	fourth := <-taken
	call()
	<-refused
	_ = second.Close()
	_ = fourth.Close()
}
