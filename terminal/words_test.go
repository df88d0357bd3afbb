package terminal

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/snapback/snapback/internal/webpage"
)

func TestStoreThatIsAwayIsNoInternalError(t *testing.T) {
	t.Parallel()
	if p := webpage.Describe(fmt.Errorf("looking up a terminal link: %w", ErrStoreAway), own); p.Status != http.StatusServiceUnavailable || p.Code != "database_away" {
		t.Errorf("it is told as %d %s", p.Status, p.Code)
	}
}
