// Table reads what go test -json said on several engines, and writes which promise holds on which engine into a document.
//
//	table -update docs/engines.md bin/engines/20.10.json bin/engines/29.json
//	table -failures bin/engines/29.json
//
// A file is named after its engine.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("table", flag.ContinueOnError)
	document := flags.String("update", "", "the document whose table is written anew")
	failures := flags.Bool("failures", false, "print what the failed tests said")
	if err := flags.Parse(args); err != nil {
		return err
	}
	engines, err := readAll(flags.Args())
	if err != nil {
		return err
	}
	if *failures {
		for _, e := range engines {
			e.printFailures(stdout)
		}
	}
	if *document == "" {
		return nil
	}
	return update(*document, engines)
}

func readAll(paths []string) (engines []engine, err error) {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		e, err := read(strings.TrimSuffix(filepath.Base(path), ".json"), f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		engines = append(engines, e)
	}
	slices.SortFunc(engines, func(a, b engine) int { return strings.Compare(a.name, b.name) })
	return engines, nil
}

// The table stands between these two lines of the document.
const begin, end = "<!-- written by make engines -->", "<!-- end -->"

func update(path string, engines []engine) error {
	have, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(have), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has no place for the table: a line %s and a line %s", path, begin, end)
	}
	return os.WriteFile(path, []byte(before+begin+"\n\n"+table(engines)+"\n"+end+after), 0o644)
}
