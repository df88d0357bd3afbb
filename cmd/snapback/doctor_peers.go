package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/peer"
	"github.com/snapback/snapback/store"
)

const setPeers = "SNAPBACK_PEER_LISTEN there, and where that is not reached from here SNAPBACK_PEER_ADDRESS; docs/fleet.md, What goes from bot to bot"

// checkPeers calls the other bots of the database where they say that they are reached, as this one's terminals are passed on to them.
func checkPeers(ctx context.Context, c config) (string, error) {
	list, err := neighbours(ctx, c)
	if err != nil {
		return "", caution{fmt.Errorf("other bots are not known: %w", err)}
	}
	keys, err := c.keysThatAreThere()
	if err != nil {
		return "", caution{fmt.Errorf("other bots were not called: %w", err)}
	}
	name, _ := os.ReadFile(filepath.Join(c.DataDir, botNameFile)) // none: no bot has run here yet
	me := peer.Member{Ring: keys, Bot: cmp.Or(strings.TrimSpace(string(name)), "doctor")}
	return foundOfPeers(list, callPeers(ctx, me, list), me.Bot)
}

func neighbours(ctx context.Context, c config) ([]store.Neighbour, error) {
	if err := upToDate(ctx, c.DatabaseURL); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{URL: c.DatabaseURL})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return db.Neighbours(ctx)
}

// keysThatAreThere are the bot's keys. It makes none, as the bot would.
func (c config) keysThatAreThere() (*keyring.Ring, error) {
	if c.SecretKeys == "" {
		if _, err := os.Stat(c.KeysFile); err != nil {
			return nil, fmt.Errorf("the bot's keys are not there: %w", err)
		}
	}
	return c.keys()
}

// callPeers calls all that say an address, side by side. What came of it is in their order.
func callPeers(ctx context.Context, me peer.Member, list []store.Neighbour) []error {
	errs := make([]error, len(list))
	var all sync.WaitGroup
	for i, b := range list {
		if b.Name != me.Bot && b.Address != "" {
			all.Go(func() { errs[i] = callPeer(ctx, me, b) })
		}
	}
	all.Wait()
	return errs
}

// callPeer asks for anything: that there is an answer means that both know the other's key, which the handshake alone does not say.
func callPeer(ctx context.Context, me peer.Member, b store.Neighbour) error {
	client := http.Client{Timeout: healthPatience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return me.Dial(ctx, b.Name, b.Address) },
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.Address+"/", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// foundOfPeers is what the calls have found. One that is needed and not reached fails; one that could be missed is a warning.
func foundOfPeers(list []store.Neighbour, errs []error, me string) (string, error) {
	var reached []string
	var failed, notes []error
	for i, b := range list {
		switch {
		case b.Name == me && b.Address == "" && b.Needed:
			notes = append(notes, errors.New("this bot says no address: others can't pass on terminals of its containers. Set SNAPBACK_PEER_LISTEN here"))
		case b.Name == me:
		case b.Address == "" && b.Needed:
			const mute = "bot %s says no address: terminals of its containers can't be passed on from here. Set SNAPBACK_PEER_LISTEN there"
			notes = append(notes, fmt.Errorf(mute, b.Name))
		case b.Address == "":
		case errs[i] == nil:
			reached = append(reached, fmt.Sprintf("%s at %s", b.Name, b.Address))
		case b.Needed:
			failed = append(failed, fmt.Errorf("bot %s can't be reached at %s: %w%s", b.Name, b.Address, errs[i], otherKeys(errs[i])))
		default:
			const missed = "bot %s can't be reached at %s, for who comes back to a shell there: %w%s"
			notes = append(notes, fmt.Errorf(missed, b.Name, b.Address, errs[i], otherKeys(errs[i])))
		}
	}
	switch {
	case len(failed) > 0:
		return "", errors.Join(append(failed, notes...)...)
	case len(notes) > 0:
		return "", caution{errors.Join(notes...)}
	case len(reached) == 0:
		return "there is none that terminals are passed on to", nil
	}
	return "reached " + strings.Join(reached, ", "), nil
}

// otherKeys adds what to do about a bot with other keys.
func otherKeys(err error) string {
	if errors.Is(err, peer.ErrStranger) {
		return ". SNAPBACK_SECRET_KEYS have to be the same at both"
	}
	return ""
}
