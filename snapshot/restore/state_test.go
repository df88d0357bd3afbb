package restore_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot/restore"
)

func TestDiagramIsTheTransitionTable(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[restore.State][]restore.State{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+) → (.+)$`).FindAllStringSubmatch(string(doc), -1) {
		for next := range strings.SplitSeq(m[2], " | ") {
			drawn[restore.State(m[1])] = append(drawn[restore.State(m[1])], restore.State(next))
		}
	}
	table := map[restore.State][]restore.State{}
	for _, s := range restore.States() {
		if next := s.Next(); len(next) > 0 {
			table[s] = next
		}
	}
	if diff := cmp.Diff(table, drawn); diff != "" {
		t.Errorf("doc.go does not draw the table (-table +doc.go):\n%s", diff)
	}
}

func TestEveryStateEndsSomewhere(t *testing.T) {
	t.Parallel()
	for _, s := range restore.States() {
		if !reaches(s, map[restore.State]bool{}) {
			t.Errorf("from %s no final state can be reached", s)
		}
		if s != restore.Requested && !slices.ContainsFunc(restore.States(), func(from restore.State) bool { return from.May(s) }) {
			t.Errorf("nothing leads to %s", s)
		}
	}
}

func reaches(s restore.State, seen map[restore.State]bool) bool {
	if s.Final() {
		return true
	}
	seen[s] = true
	return slices.ContainsFunc(s.Next(), func(next restore.State) bool { return !seen[next] && reaches(next, seen) })
}
