package signin_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/internal/testkit"
)

func TestTheDocsHaveTheLimitsOfSigningIn(t *testing.T) {
	t.Parallel()
	testkit.Limits(t, "../../docs/limits.md", map[string][]time.Duration{
		"a session nobody uses": {signin.DefaultIdle},
		"any session":           {signin.DefaultLife},
		"a sign-in link":        {signin.SlackLinkLife, signin.HostLinkLife},
	})
}
