package api

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfTheAPI(t *testing.T) {
	t.Parallel()
	testkit.Limits(t, "../docs/limits.md", map[string][]time.Duration{
		"refusals of one source":          {refusalRefill},
		"`expires_in` of a terminal link": {minLink, maxLink},
	})
	testkit.Counts(t, "../docs/limits.md", map[string][]int{
		"refusals of one source": {refusalBurst},
		"a list":                 {defaultLimit, maxLimit},
		"a note":                 {maxNote},
		"a request's body":       {maxBody >> 20},
	})
}
