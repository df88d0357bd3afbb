// Package balancer gives the shop one address when it has several tasks: it passes connections on to each in turn, as what stands before
// a Swarm does. A Swarm's own routing mesh would do so too, but needs what not every machine's kernel has.
package balancer

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lookEvery = 200 * time.Millisecond
	dialLimit = 300 * time.Millisecond // a task that has just gone may not even refuse
)

// Config says where to pass connections on. All fields are required.
type Config struct {
	// Addresses are where the tasks are now. While it fails, the ones from before count.
	Addresses func(context.Context) ([]string, error)
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
}

// Balancer passes connections on.
type Balancer struct {
	cfg  Config
	next atomic.Uint64

	mu        sync.Mutex // guards addresses
	addresses []string
}

// New makes a balancer; Run makes it pass connections on.
func New(cfg Config) *Balancer { return &Balancer{cfg: cfg} }

// Run takes connections until ctx ends, closes l, and waits for the connections.
func (b *Balancer) Run(ctx context.Context, l net.Listener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { b.look(ctx) })
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		wg.Go(func() { b.pass(ctx, conn) })
	}
}

// look asks for the addresses again and again.
func (b *Balancer) look(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if now, err := b.cfg.Addresses(ctx); err == nil {
			b.mu.Lock()
			b.addresses = now
			b.mu.Unlock()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// pass joins a connection with one to a task. Where no task takes it, it is closed.
func (b *Balancer) pass(ctx context.Context, from net.Conn) {
	defer from.Close()
	to, err := b.dial(ctx)
	if err != nil {
		return
	}
	defer to.Close()
	defer context.AfterFunc(ctx, func() { _, _ = from.Close(), to.Close() })()
	answered := make(chan struct{})
	go func() { // ends when the task has answered, or either side is closed
		defer close(answered)
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}()
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	<-answered
}

// dial tries one task after the other.
func (b *Balancer) dial(ctx context.Context) (net.Conn, error) {
	b.mu.Lock()
	all := b.addresses
	b.mu.Unlock()
	first := b.next.Add(1)
	for i := range all {
		limit, cancel := context.WithTimeout(ctx, dialLimit)
		conn, err := b.cfg.Dial(limit, "tcp", all[(first+uint64(i))%uint64(len(all))])
		cancel()
		if err == nil {
			return conn, nil
		}
	}
	return nil, errors.New("no task answers")
}
