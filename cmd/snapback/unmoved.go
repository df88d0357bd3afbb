package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// unmoved are the folders with archives of volumes that no engine of the settings has: since SNAPBACK_ENGINES was set, or a name in it
// was changed. A restore does not find them there, and nobody looks after a container that was left paused for one.
func unmoved(engines []engineAt, dataDir string) (folders []string) {
	all, _ := filepath.Glob(filepath.Join(dataDir, "engines", "*", "volumes")) // the pattern is a good one
	for _, folder := range append([]string{filepath.Join(dataDir, "volumes")}, all...) {
		used := slices.ContainsFunc(engines, func(e engineAt) bool { return e.folder(dataDir) == folder })
		if !used && holdsArchives(folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// archiveName is a set of archives, or one that a crash has left.
var archiveName = regexp.MustCompile(`^(\.new-)?[A-Za-z0-9]`)

func holdsArchives(folder string) bool {
	sets, _ := os.ReadDir(folder) // one that can't be read is nobody's
	frozen, _ := os.ReadDir(filepath.Join(folder, ".frozen"))
	return len(frozen) > 0 || slices.ContainsFunc(sets, func(e os.DirEntry) bool { return e.IsDir() && archiveName.MatchString(e.Name()) })
}

const moveArchives = "move them to engines/NAME/volumes in the data folder while the bot is stopped, or remove them; docs/fleet.md, From one engine to several"

// checkUnmoved is a doctor's check.
func checkUnmoved(c config) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		if left := unmoved(c.Engines, c.DataDir); len(left) > 0 {
			return "", caution{errUnmoved(left)}
		}
		return "all are where their engines look for them", nil
	}
}

func errUnmoved(folders []string) error {
	return fmt.Errorf("%w: %s", errNobodysArchives, strings.Join(folders, ", "))
}

var errNobodysArchives = errors.New("archives of volumes lie where no engine of the settings looks for them")
