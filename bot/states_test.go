package bot

import (
	"testing"

	"github.com/snapback/snapback/snapshot/restore"
)

func TestEveryStateOfARestoreHasWords(t *testing.T) {
	t.Parallel()
	for _, s := range restore.States() {
		if !s.Final() && phases[s].doing == "" {
			t.Errorf("a message has no words for %s", s)
		}
	}
}
