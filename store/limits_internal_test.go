package store

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfIdempotencyKeys(t *testing.T) {
	t.Parallel()
	testkit.Limits(t, "../docs/limits.md", map[string][]time.Duration{
		"an `Idempotency-Key`": {keepRequests},
	})
}
