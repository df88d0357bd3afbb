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
	var usual Config
	usual.defaults()
	testkit.Limits(t, "../docs/limits.md", map[string][]time.Duration{
		"without a tap or a key":                     {usual.Idle},
		"a session":                                  {usual.MaxLife},
		"a shell at which nobody looks":              {usual.Away},
		"no contact with who has a shell's keyboard": {usual.NoContact},
	})
	testkit.Counts(t, "../docs/limits.md", map[string][]int{
		"browsers":          {usual.PerPerson, usual.PerContainer},
		"a recording":       {int(usual.MaxRecording >> 20)},
		"earlier log lines": {lastLook},
	})
}
