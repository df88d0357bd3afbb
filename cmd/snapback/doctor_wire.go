package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/snapback/snapback/terminal"
)

// checkWire opens a WebSocket to the running bot as phones do. That it can't be reached from here says little about phones once PagerDuty has
// reached it there (heard): many networks don't lead a machine back to its own public address.
func checkWire(ctx context.Context, publicURL string, heard bool) (string, error) {
	err := terminal.TryWire(ctx, publicURL)
	var wire *terminal.WireError
	var lookup *net.DNSError
	switch {
	case err == nil || errors.As(err, &wire):
	case heard:
		return "", caution{fmt.Errorf("%w. PagerDuty has reached it there; try it from a phone", err)}
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return "", fmt.Errorf("SNAPBACK_PUBLIC_URL: there is no such name: %w", err)
	}
	return "comes through " + publicURL, err
}
