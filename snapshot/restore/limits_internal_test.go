package restore

import (
	"fmt"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfARestoresActs(t *testing.T) {
	t.Parallel()
	c := Config{}.withDefaults()
	var pauses time.Duration
	for try := range c.Tries {
		pauses += triesPause(try)
	}
	testkit.Limits(t, "../../docs/limits.md", map[string][]time.Duration{
		"not begun to swap, or taken by no bot":                      {c.Stale},
		"the engine does not answer":                                 {c.NotifyAfter},
		"a dead bot's restore":                                       {c.Lease},
		"create, start or remove a container":                        {c.ActLimit},
		"remove a replacement that did not come up":                  {removeLimit},
		"set a restart policy; name the replacement":                 {changeLimit},
		"stop the old container":                                     {stopGrace},
		"name the old container, or remove it (`--rm`)":              {goneLimit},
		"commit a container that removes itself":                     {commitLimit},
		"commit those that share its namespaces":                     {joinedLimit},
		"read the archives through, before the swap":                 {verifyLimit},
		"put the contents of volumes in":                             {moveLimit},
		"come up, without a health check":                            {c.Window, pausedFor},
		fmt.Sprintf("look at what was started: %d tries", c.Tries):   {pauses},
		fmt.Sprintf("put the old container back: %d tries", c.Tries): {pauses},
		"what a dead bot's last act did is put right":                {reconcileAfter},
	})
	if retireLimit != goneLimit || reclaimLimit != c.ActLimit {
		t.Error("docs/limits.md takes one limit for two")
	}
}
