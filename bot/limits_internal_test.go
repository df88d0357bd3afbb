package bot

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfSlack(t *testing.T) {
	t.Parallel()
	testkit.Limits(t, "../docs/limits.md", map[string][]time.Duration{
		"a call from Slack": {maxSkew},
	})
}
