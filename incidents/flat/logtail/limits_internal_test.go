package logtail

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfReadingLogs(t *testing.T) {
	t.Parallel()
	c := Config{}.withDefaults()
	testkit.Limits(t, "../../../docs/limits.md", map[string][]time.Duration{
		"after a restart of the bot": {c.Back, pastFor},
	})
	testkit.Counts(t, "../../../docs/limits.md", map[string][]int{
		"after a restart of the bot": {c.BackLines},
		"log lines a second":         {c.Budget},
	})
}
