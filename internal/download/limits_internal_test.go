package download

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfExports(t *testing.T) {
	t.Parallel()
	testkit.Limits(t, "../../docs/limits.md", map[string][]time.Duration{
		"exports": {Limit},
	})
	testkit.Counts(t, "../../docs/limits.md", map[string][]int{
		"exports": {most, share, making},
	})
}
