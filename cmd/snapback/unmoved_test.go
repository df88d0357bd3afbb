package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArchivesThatWereNotMovedAreTold(t *testing.T) {
	t.Parallel()
	one, several := []engineAt{{}}, []engineAt{{name: "web"}, {name: "db"}}
	for what, test := range map[string]struct {
		there   []string // folders in the data folder
		engines []engineAt
		want    []string
	}{
		"nothing was ever kept":             {nil, several, nil},
		"a folder without archives":         {[]string{"volumes/.frozen"}, several, nil},
		"one engine":                        {[]string{"volumes/set-1"}, one, nil},
		"several, and they were moved":      {[]string{"volumes/.frozen", "engines/web/volumes/set-1"}, several, nil},
		"several, and they were not":        {[]string{"volumes/set-1"}, several, []string{"volumes"}},
		"one that was begun":                {[]string{"volumes/.new-set-1"}, several, []string{"volumes"}},
		"a container that may be paused":    {[]string{"volumes/.frozen/c1"}, several, []string{"volumes"}},
		"a name was changed":                {[]string{"engines/old/volumes/set-1"}, several, []string{"engines/old/volumes"}},
		"there is one again, under no name": {[]string{"engines/web/volumes/set-1"}, one, []string{"engines/web/volumes"}},
	} {
		dir := t.TempDir()
		for _, folder := range test.there {
			if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		var want []string
		for _, folder := range test.want {
			want = append(want, filepath.Join(dir, folder))
		}
		if diff := cmp.Diff(want, unmoved(test.engines, dir)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		_, err := checkUnmoved(config{Engines: test.engines, DataDir: dir})(t.Context())
		if (err != nil) != (len(want) > 0) {
			t.Errorf("%s: doctor says %v", what, err)
		}
	}
}
