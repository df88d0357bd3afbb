package console

import (
	"testing"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfTheConsole(t *testing.T) {
	t.Parallel()
	testkit.Counts(t, "../docs/limits.md", map[string][]int{
		"open pages of one browser": {maxStreams},
		"a note":                    {maxNote},
	})
}
