package peer

import (
	"net"
	"sync"
)

// Limit has a listener take so many connections at once, and hang up on those beyond, before anything is read of them. Refused is told of
// each, and must not wait.
func Limit(l net.Listener, most int, refused func(from net.Addr)) net.Listener {
	return &limited{Listener: l, slots: make(chan struct{}, most), refused: refused}
}

type limited struct {
	net.Listener
	slots   chan struct{} // holds one for each connection; never closed
	refused func(from net.Addr)
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &counted{Conn: conn, free: sync.OnceFunc(func() { <-l.slots })}, nil
		default:
			_ = conn.Close()
			l.refused(conn.RemoteAddr())
		}
	}
}

// counted is a connection that counts until it is closed.
type counted struct {
	net.Conn
	free func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	defer c.free()
	return c.Conn.Close()
}
