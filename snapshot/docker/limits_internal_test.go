package docker

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfTheEngine(t *testing.T) {
	t.Parallel()
	testkit.Limits(t, "../../docs/limits.md", map[string][]time.Duration{
		"a helper that moves volumes does not get on": {helperStall},
		"remove a helper":                                  {helperGone},
		"resume what a commit left frozen":                 {resumeWithin},
		"say what one container is, for lists and alerts":  {mostPatience, leastSilence},
		"say what one container is, for a restore":         {truthWithin},
		"a registry says which image a tag stands for":     {registryPatience},
		"a container about which the engine has no answer": {silentFor},
	})
}
