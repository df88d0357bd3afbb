package terminal

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfATerminal(t *testing.T) {
	t.Parallel()
	testkit.Limits(t, "../docs/limits.md", map[string][]time.Duration{
		"a link": {DefaultLinkTTL},
		"the database does not take a shell's recording":          {waitLimit, waitTold},
		"the permission can't be looked up":                       {checkGrace, unsureGrace},
		"a terminal that is passed on to another bot":             {callLimit, passIdle},
		"a shell whose bot died, and whose engine no bot reaches": {lostAfter},
		"a bot with the shell that somebody comes back to":        {callHolder},
		"earlier log lines":                                       {lookTime},
	})
}
