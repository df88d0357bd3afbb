package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
)

// TestNoCommandMakesASecondDatabase: whoever calls one as another account than the bot's is told, and not shown an empty list.
func TestNoCommandMakesASecondDatabase(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"token create ci --scope admin", "token list", "token revoke 1", "person list", "person revoke U0MARIA", "uninstall", "migrate --dry-run", "migrate"} {
		dir := t.TempDir()
		env := map[string]string{"SNAPBACK_DATA_DIR": dir, "SNAPBACK_SECRET_KEYS": "k:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
		var out bytes.Buffer
		err := run(t.Context(), strings.Fields(args), func(k string) string { return env[k] }, strings.NewReader(""), &out, &out)
		if exitCode(err) != exitUsage || !strings.Contains(out.String(), "as the bot's account") {
			t.Errorf("%s: exit code %d: %s", args, exitCode(err), out.String())
		}
		left, err := os.ReadDir(dir)
		testkit.OK(t, err)
		for _, entry := range left {
			if entry.IsDir() {
				t.Errorf("%s made %s", args, entry.Name())
			}
		}
	}
}
