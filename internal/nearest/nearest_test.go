package nearest_test

import (
	"testing"

	"github.com/snapback/snapback/internal/nearest"
)

func TestNearestName(t *testing.T) {
	t.Parallel()
	known := []string{"enable", "restore.allow", "terminal.allow", "keep", "volumes"}
	for word, want := range map[string]string{
		"restor.allow": "restore.allow", "restore-allow": "restore.allow", "Restore.Allow": "restore.allow", "enbale": "enable",
		"enabled": "enable", "kep": "keep", "key": "", "kxxp": "", "volume": "volumes", "something": "", "": "", "terminalallow": "terminal.allow",
	} {
		if got := nearest.Name(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
