package api

import (
	"testing"
)

func FuzzCursor(f *testing.F) {
	f.Add("containers", position{at: 5, id: "x:y"}.cursor("containers"))
	f.Add("snapshots", "")
	f.Add("incidents", "aW5jaWRlbnRzOjA6Nw")
	f.Fuzz(func(t *testing.T, list, cursor string) {
		p, ok := parseCursor(list, cursor)
		if ok && p.cursor(list) != cursor {
			t.Errorf("%q of %q is read as %+v", cursor, list, p)
		}
		if ok && list != "" {
			if _, other := parseCursor(list+"2", cursor); other {
				t.Errorf("%q is taken for another list's", cursor)
			}
		}
	})
}
