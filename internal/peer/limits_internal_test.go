package peer

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfACall(t *testing.T) {
	t.Parallel()
	testkit.Limits(t, "../../docs/limits.md", map[string][]time.Duration{"connections from other bots": {dialTime}})
}
