package watch_test

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

// settled runs a container and waits until its state is kept as the good one.
func (k *kit) settled(name string, args ...string) (id, key string) {
	k.T.Helper()
	id, key = k.Run(name, args...), k.Key(name)
	k.AwaitBaseline(key, id)
	return id, key
}

// replace runs another container under the name, which is a deploy.
func (k *kit) replace(name string, args ...string) (id string) {
	k.T.Helper()
	k.Docker("rm", "-f", name)
	return k.Run(name, args...)
}
