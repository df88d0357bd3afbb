package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/restore"
)

// announce has the database say every state that a restore comes into.
const announce = `
	CREATE FUNCTION announce() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_notify('restore_state', NEW.state); RETURN NULL; END $$;
	CREATE TRIGGER announce AFTER INSERT OR UPDATE OF state ON restores FOR EACH ROW EXECUTE FUNCTION announce()`

// when runs do once, as soon as any restore has come into a state. The channel is closed when do has returned.
func (c *crash) when(state restore.State, do func()) <-chan struct{} {
	c.t.Helper()
	return c.on("restore_state", announce, string(state), do)
}

// on runs do once, as soon as the database says a word on a channel. Announce has it do so, and is run once.
func (c *crash) on(channel, announce, word string, do func()) <-chan struct{} {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.direct)
	if err != nil {
		c.t.Fatal(err)
	}
	if !c.announces[channel] {
		if _, err := conn.Exec(c.t.Context(), announce); err != nil {
			c.t.Fatal(err)
		}
		c.announces[channel] = true
	}
	if _, err := conn.Exec(c.t.Context(), "LISTEN "+channel); err != nil {
		c.t.Fatal(err)
	}
	done := make(chan struct{})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	go func() { // ends with the word, or with the time
		defer close(done)
		defer cancel()
		defer conn.Close(context.Background())
		for {
			n, err := conn.WaitForNotification(ctx)
			if err != nil {
				c.t.Errorf("waiting for %s: %v", word, err)
				return
			}
			if n.Payload == word {
				do()
				return
			}
		}
	}()
	return done
}

// newCrashDB is a crash whose Postgres is its own, behind a link that can be cut.
func newCrashDB(t *testing.T) (*crash, *pgserver.Server, *link) {
	needsCrashes(t)
	t.Helper()
	n := newNight(t)
	server, err := pgserver.Start(t.Context(), pgserver.Config{Dir: filepath.Join(shortDir(t), "pg"), OrphanTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(t, filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432"))
	query := u.Query()
	query.Set("host", filepath.Dir(l.at))
	u.RawQuery = query.Encode()
	n.env["DATABASE_URL"] = u.String()
	return newCrashIn(n, server.URL()), server, l
}

// shortDir is a folder whose name is short enough for sockets in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sbl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		err := os.RemoveAll(dir)
		for range 100 { // a server that is ending may still write
			if err == nil {
				return
			}
			<-tick.C
			err = os.RemoveAll(dir)
		}
		t.Error(err)
	})
	return dir
}

// link leads to a server, and can be cut.
type link struct {
	t       *testing.T
	network string // "unix" or "tcp", on both ends
	dial    string // that of the far end, where it is another
	at      string
	wg      sync.WaitGroup // the acceptor and every connection's two copiers

	mu       sync.Mutex // guards what follows
	to       string
	listener net.Listener
	open     map[net.Conn]bool
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	return (&link{t: t, network: "unix", at: filepath.Join(shortDir(t), ".s.PGSQL.5432"), to: to}).begin()
}

// newEndpoint is a TCP address that leads to one server after the other, as a virtual address or a balancer does.
func newEndpoint(t *testing.T, to string) *link {
	t.Helper()
	return (&link{t: t, network: "tcp", at: fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t)), to: to}).begin()
}

func (l *link) begin() *link {
	l.t.Helper()
	l.open = map[net.Conn]bool{}
	l.mend()
	l.t.Cleanup(func() { l.cut(); l.wg.Wait() })
	return l
}

// lead has new connections lead to another server; those that are open stay as they are.
func (l *link) lead(to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = to
}

func (l *link) goal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to
}

// mend makes the link lead somewhere.
func (l *link) mend() {
	listener, err := net.Listen(l.network, l.at)
	if err != nil {
		l.t.Errorf("mending a link: %v", err)
		return
	}
	l.mu.Lock()
	l.listener = listener
	l.mu.Unlock()
	l.wg.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			l.wg.Go(func() { l.carry(from) })
		}
	})
}

// cut breaks all connections, and refuses new ones.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		l.listener.Close()
		l.listener = nil
	}
	for conn := range l.open {
		conn.Close()
	}
}

func (l *link) carry(from net.Conn) {
	to, err := net.Dial(cmp.Or(l.dial, l.network), l.goal())
	if err != nil {
		from.Close()
		return
	}
	l.mu.Lock()
	ok := l.listener != nil
	l.open[from], l.open[to] = true, true
	l.mu.Unlock()
	var both sync.WaitGroup
	pipe := func(a, b net.Conn) {
		_, _ = io.Copy(a, b) // ends when either end hangs up, however it does
		a.Close()
		b.Close()
	}
	if ok {
		both.Go(func() { pipe(from, to) })
		both.Go(func() { pipe(to, from) })
	}
	both.Wait()
	from.Close()
	to.Close()
	l.mu.Lock()
	delete(l.open, from)
	delete(l.open, to)
	l.mu.Unlock()
}

// crashServer ends a Postgres server as pg_ctl stop -m immediate does; its supervisor starts it again.
func crashServer(t *testing.T, server *pgserver.Server) {
	if err := syscall.Kill(server.PID(), syscall.SIGQUIT); err != nil {
		t.Errorf("ending the database server %s: %v", strconv.Itoa(server.PID()), err)
	}
}

// awaitServer waits until Postgres takes connections again.
func (c *crash) awaitServer() {
	c.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(context.Background(), c.direct)
		if err == nil {
			conn.Close(context.Background())
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			c.t.Errorf("Postgres does not come back: %s", strings.TrimSpace(err.Error()))
			return
		}
	}
}
