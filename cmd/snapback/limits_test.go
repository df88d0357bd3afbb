package main

import (
	"testing"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfOtherBots(t *testing.T) {
	t.Parallel()
	testkit.Counts(t, "../../docs/limits.md", map[string][]int{"connections from other bots": {maxPeerConns}})
}
