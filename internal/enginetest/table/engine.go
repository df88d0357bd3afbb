package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// engine is what go test said beside one engine.
type engine struct {
	name    string
	results map[string]string // "pass", "fail" or "skip", by test; of a package that failed by itself: by its path
	said    map[string]*strings.Builder
}

// event is a line of go test -json, see go doc test2json.
type event struct {
	Action, Package, Test, Output string
}

// read takes lines that are no events for what go itself says, such as that a package does not build.
func read(name string, from io.Reader) (engine, error) {
	e := engine{name: name, results: map[string]string{}, said: map[string]*strings.Builder{}}
	blamed := map[string]bool{} // packages with a test that failed
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var ev event
		if json.Unmarshal(lines.Bytes(), &ev) != nil || ev.Package == "" {
			continue
		}
		e.take(ev, blamed)
	}
	return e, lines.Err()
}

func (e engine) take(ev event, blamed map[string]bool) {
	name := cmp.Or(ev.Test, ev.Package)
	switch ev.Action {
	case "output":
		if e.said[name] == nil {
			e.said[name] = &strings.Builder{}
		}
		e.said[name].WriteString(ev.Output)
	case "fail":
		if ev.Test != "" || !blamed[ev.Package] {
			e.results[name] = ev.Action
		}
		blamed[ev.Package] = true
	case "pass", "skip":
		if ev.Test != "" {
			e.results[name] = ev.Action
		}
	}
}

// tests are the names of those with this result, in order.
func (e engine) tests(result string) (names []string) {
	for name, r := range e.results {
		if r == result {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (e engine) printFailures(to io.Writer) {
	for _, name := range e.tests("fail") {
		if said := e.said[name]; said != nil {
			fmt.Fprintf(to, "%s: %s\n%s\n", e.name, name, said)
		}
	}
	fmt.Fprintf(to, "%s: %d passed, %d failed, %d skipped\n", e.name, len(e.tests("pass")), len(e.tests("fail")), len(e.tests("skip")))
}
