package snapshot_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
)

func TestDiagramIsTheTransitionTable(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[snapshot.State][]snapshot.State{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+) → (.+)$`).FindAllStringSubmatch(string(doc), -1) {
		for next := range strings.SplitSeq(m[2], " | ") {
			drawn[snapshot.State(m[1])] = append(drawn[snapshot.State(m[1])], snapshot.State(next))
		}
	}
	table := map[snapshot.State][]snapshot.State{}
	for _, s := range snapshot.States() {
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
	for _, s := range snapshot.States() {
		if !reaches(s, map[snapshot.State]bool{}) {
			t.Errorf("from %s no final state can be reached", s)
		}
		if s != snapshot.Requested && !slices.ContainsFunc(snapshot.States(), func(from snapshot.State) bool { return from.May(s) }) {
			t.Errorf("nothing leads to %s", s)
		}
	}
}

func reaches(s snapshot.State, seen map[snapshot.State]bool) bool {
	if s.Final() {
		return true
	}
	seen[s] = true
	return slices.ContainsFunc(s.Next(), func(next snapshot.State) bool { return !seen[next] && reaches(next, seen) })
}
