package snapshot

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestREADMEHasEveryLabel(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`snapback[^|]*) \\|").FindAllStringSubmatch(string(readme), -1) {
		for _, label := range regexp.MustCompile("`snapback\\.([a-z.-]+)`").FindAllStringSubmatch(row[1], -1) {
			told = append(told, label[1])
		}
	}
	known := knownLabels()
	slices.Sort(told)
	slices.Sort(known)
	if diff := cmp.Diff(known, told); diff != "" {
		t.Errorf("known (-), in README (+):\n%s", diff)
	}
}
