package access_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/snapback/snapback/access"
)

func TestNewTokenRefusesWhatItCannotMake(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", " x", "a\nb", strings.Repeat("x", 65)} {
		if _, _, err := access.NewToken(name, []access.Scope{access.Admin}); !errors.Is(err, access.ErrBadToken) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if _, _, err := access.NewToken("ci", nil); !errors.Is(err, access.ErrBadToken) {
		t.Errorf("without scopes: %v", err)
	}
	if _, err := access.ParseScopes([]string{"restore", "root"}); !errors.Is(err, access.ErrBadToken) || !strings.Contains(err.Error(), "snapshots:read") {
		t.Errorf("scope root: %v", err)
	}
	one, first, _ := access.NewToken("ci", []access.Scope{access.Admin})
	two, second, _ := access.NewToken("ci", []access.Scope{access.Admin})
	if one.ID == two.ID || first == second || strings.Contains(string(one.Hash), first[30:]) {
		t.Error("two tokens are alike, or one is kept in the clear")
	}
}
