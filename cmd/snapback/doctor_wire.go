package main

import (
	"context"
	"errors"

	"github.com/snapback/snapback/terminal"
)

// checkWire opens a WebSocket to the running bot as phones do. That it can't be reached from here says little about phones: many networks
// don't lead a machine back to its own public address.
func checkWire(ctx context.Context, publicURL string) (string, error) {
	err := terminal.TryWire(ctx, publicURL)
	var wire *terminal.WireError
	if err != nil && !errors.As(err, &wire) {
		return "", caution{err}
	}
	return "comes through " + publicURL, err
}
