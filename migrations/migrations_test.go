package migrations_test

import (
	"io/fs"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/migrations"
)

// early are the numbers up to 175, which were not given in order. All later ones are: programs that can't work with a migration are
// told by its number.
var early = []int{120, 121, 122, 123, 124, 126, 134, 144, 145, 146, 147, 149, 150, 151, 152, 159, 162, 165, 170, 175}

func TestNewMigrationsHaveHigherNumbers(t *testing.T) {
	files, err := fs.Glob(migrations.Files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	var low []int
	taken := map[int]string{}
	for _, name := range files {
		n, err := strconv.Atoi(name[:5])
		if err != nil {
			t.Fatalf("%s: want five digits first", name)
		}
		if other := taken[n]; other != "" {
			t.Errorf("%s and %s have one number", other, name)
		}
		taken[n] = name
		if n <= early[len(early)-1] {
			low = append(low, n)
		}
	}
	slices.Sort(low)
	if diff := cmp.Diff(early, low); diff != "" {
		t.Errorf("give a new migration the next number above all others (-want +got):\n%s", diff)
	}
}
