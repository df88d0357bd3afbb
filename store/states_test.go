package store

import (
	"os"
	"strings"
	"testing"

	"github.com/snapback/snapback/snapshot/restore"
)

// The queries and the index of the journal name the final states in SQL, where restore's table can't be asked.
func TestFinalStatesInSQLAreTheTablesOwn(t *testing.T) {
	var final, running []string
	for _, s := range restore.States() {
		if s.Final() {
			final = append(final, "'"+s.String()+"'")
		} else {
			running = append(running, "'"+s.String()+"'")
		}
	}
	if want := "state IN (" + strings.Join(running, ", ") + ")"; claimable != want {
		t.Errorf("what is claimed says %q, the table %q", claimable, want)
	}
	want := "state NOT IN (" + strings.Join(final, ", ") + ")"
	if stillRunning != want {
		t.Errorf("queries say %q, the table %q", stillRunning, want)
	}
	schema, err := os.ReadFile("../migrations/00120_schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(schema), want) {
		t.Errorf("the schema's index does not say %q", want)
	}
}
