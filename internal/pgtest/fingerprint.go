package pgtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
)

// fingerprint names the schema that migrate makes: the function, the sources of its package, the migrations, and the
// versions of the libraries (River has migrations of its own). Where the sources can't be
// found, as in a binary built with -trimpath and moved, it is good for this process alone.
func fingerprint(migrate Migrate) (string, error) {
	fn := runtime.FuncForPC(reflect.ValueOf(migrate).Pointer())
	file, _ := fn.FileLine(fn.Entry())
	sum := sha256.New()
	fmt.Fprintln(sum, fn.Name())
	root := moduleRoot(filepath.Dir(file))
	if root == "" {
		fmt.Fprintln(sum, "process", os.Getpid(), processStart())
	} else if err := hashSources(sum, filepath.Dir(file), filepath.Join(root, "migrations"), filepath.Join(root, "go.sum")); err != nil {
		return "", fmt.Errorf("hashing the migrations: %w", err)
	}
	return "k" + hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// processStart tells two processes with the same number apart; without it the number has to do.
func processStart() string {
	text, err := os.ReadFile("/proc/self/stat")
	_, rest, ok := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if err != nil || !ok || len(fields) < 20 {
		return ""
	}
	return fields[19] // starttime, the 22nd of proc(5)
}

// moduleRoot is the nearest folder above with a go.mod, or "".
func moduleRoot(dir string) string {
	if !filepath.IsAbs(dir) {
		return ""
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

// hashSources adds the Go and SQL files of trees and single files, by name and content.
func hashSources(sum hash.Hash, paths ...string) error {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !schemaSource(name) {
				return err
			}
			return hashFile(sum, name)
		})
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

func schemaSource(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".sql" || ext == ".sum" || ext == ".go"
}

func hashFile(sum hash.Hash, name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	fmt.Fprintln(sum, name, len(content))
	_, err = sum.Write(content)
	return err
}
