package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/internal/peer"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

// peers is the other bots of the database, and where they reach this one. It is terminal.Peers.
type peers struct {
	me      peer.Member
	db      *store.DB
	engines func() []snapshot.Reached // which this bot reaches now

	listener net.Listener // nil: others don't reach this one
	address  string       // as others are told; "": they are told none
}

var _ terminal.Peers = (*peers)(nil)

// openPeers listens for other bots, if that is set. Nobody is answered before serve.
func openPeers(ctx context.Context, c config, me peer.Member, db *store.DB) (*peers, error) {
	p := &peers{me: me, db: db, address: c.PeerAddress}
	if c.PeerListen == "" {
		return p, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.PeerListen)
	if err != nil {
		return nil, err
	}
	p.listener = l
	if c.PeerAddress == c.PeerListen { // whose port may be the system's choice
		p.address = l.Addr().String()
	}
	return p, nil
}

// serve answers other bots until it is stopped.
func (p *peers) serve(handler http.Handler, log *slog.Logger, stop *stops, fail context.CancelCauseFunc) {
	if p.listener == nil {
		return
	}
	log.Info("other bots reach this one", "addr", p.address)
	server := api.Server(handler, log) // which also limits how long a handshake may take
	server.SetKeepAlivesEnabled(false) // so that each request proves a key that holds now
	limited := peer.Limit(p.listener, maxPeerConns, refusedPeers(log))
	serveOn(tls.NewListener(limited, p.me.Server()), server, log, stop, fail)
}

// maxPeerConns is how many connections of other bots there may be: each terminal that is passed on is one, and each request.
const maxPeerConns = 512

// refusedPeers logs, once a minute, that connections were refused.
func refusedPeers(log *slog.Logger) func(net.Addr) {
	var said time.Time // only one goroutine accepts
	return func(from net.Addr) {
		if time.Since(said) > time.Minute {
			said = time.Now()
			log.Warn("too many connections of other bots", "addr", from.String(), "most", maxPeerConns)
		}
	}
}

// Close ends the listening where serve was never called.
func (p *peers) Close() {
	if p.listener != nil {
		_ = p.listener.Close() // the end of serve has done that already
	}
}

// Beyond implements terminal.Peers. While an engine of this bot has not told which one it is, it may be the container's.
func (p *peers) Beyond(ctx context.Context, container string) ([]terminal.Peer, error) {
	others, err := p.db.Beyond(ctx, container)
	if err != nil && p.someUnknown() {
		return nil, nil
	}
	return others, err
}

// Named implements terminal.Peers.
func (p *peers) Named(ctx context.Context, bot string) (terminal.Peer, error) {
	return p.db.Peer(ctx, bot)
}

func (p *peers) someUnknown() bool {
	over, cancel := context.WithCancel(context.Background())
	cancel() // whoever would have to ask fails at once
	return slices.ContainsFunc(p.engines(), func(e snapshot.Reached) bool {
		_, err := e.ID(over)
		return err != nil
	})
}

// Dial implements terminal.Peers.
func (p *peers) Dial(ctx context.Context, to terminal.Peer) (net.Conn, error) {
	conn, err := p.me.Dial(ctx, to.Bot, to.Address)
	if err != nil {
		return nil, fmt.Errorf("bot %s at %s: %w", to.Bot, to.Address, err)
	}
	return conn, nil
}
