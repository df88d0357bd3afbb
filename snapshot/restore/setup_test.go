package restore_test

import (
	"testing"

	"github.com/snapback/snapback/snapshot/internal/snapshottest"
)

// kit is the one that all tests of snapshots share, with what only the tests here need.
type kit struct{ *snapshottest.Kit }

func setup(t *testing.T) *kit {
	t.Helper()
	return &kit{snapshottest.Setup(t)}
}
