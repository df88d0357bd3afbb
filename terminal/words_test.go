package terminal

import (
	"fmt"
	"net/http"
	"testing"
)

func TestStoreThatIsAwayIsNoInternalError(t *testing.T) {
	t.Parallel()
	if p := describe(fmt.Errorf("looking up a terminal link: %w", ErrStoreAway)); p.Status != http.StatusServiceUnavailable || p.Code != "database_away" {
		t.Errorf("it is told as %d %s", p.Status, p.Code)
	}
}
