package capture

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfTakingSnapshots(t *testing.T) {
	t.Parallel()
	testkit.Limits(t, "../../docs/limits.md", map[string][]time.Duration{
		"commits of others end":                     {commitWait},
		"`snapback.pause: auto`":                    {freezeLimit},
		"let a frozen container run again":          {thawWithin},
		"say what one container is, for a snapshot": {inspectWithin},
		"remove what could not be written down":     {discardWithin},
		"archives to which nothing refers":          {orphanAge},
	})
}
