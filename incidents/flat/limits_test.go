package flat_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfCounts(t *testing.T) {
	t.Parallel()
	testkit.Limits(t, "../../docs/limits.md", map[string][]time.Duration{
		"counts": {flat.KeepMinutes, flat.KeepMoments},
	})
}
