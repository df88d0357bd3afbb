package docker

import (
	"errors"
	"testing"

	"github.com/snapback/snapback/snapshot"
)

// An engine answers so for a moment while a deploy removes the container: that is no trouble to speak of.
func TestLogOfWhatIsBeingRemovedHasGone(t *testing.T) {
	t.Parallel()
	err := unreadable(document{}, errors.New("Error response from daemon: can not get logs from container which is dead or marked for removal"))
	if !errors.Is(err, snapshot.ErrGone) {
		t.Errorf("it is told as %v", err)
	}
}
