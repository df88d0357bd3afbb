package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// promise is a row of the table: what works when the tests pass that the pattern names.
type promise struct {
	what  string
	tests string
}

var promises = []promise{
	{"[every attribute](matrix.md) comes back", `^TestRestoreBringsBackTheSameContainer/attributes/`},
	{"contents of volumes and binds", `Volume|Filling|Contents|Bind|Archive`},
	{"restore, revert and undo", `Restore|Revert|Undo|Replacement|Swap`},
	{"images, commits, tags", `Image|Commit|Tag|Layer`},
	{"networks, ports, links", `Network|Port|MAC|Address|Link`},
	{"deploys are seen, and their changes told", `Deploy|Change|Baseline|Scal`},
	{"duplicates on the engine, rebuild", `Duplicate|Rebuild`},
	{"Compose 1", `Compose.*/v1$`},
	{"Compose 2", `Compose.*/v2$`},
	{"terminal and logs", `Terminal|Logs|Shell`},
	{"an upgrade of the engine", `Upgrade`},
	{"a whole night", `^TestNight$`},
	{"the demo's night", `^TestTheNightPlaysItself`},
}

func table(engines []engine) string {
	var out strings.Builder
	out.WriteString("| |")
	for _, e := range engines {
		fmt.Fprintf(&out, " %s |", title(e.name))
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(engines)) + "\n")
	for _, p := range promises {
		out.WriteString("| " + p.what + " |")
		for _, e := range engines {
			out.WriteString(" " + e.cell(regexp.MustCompile(p.tests)) + " |")
		}
		out.WriteString("\n")
	}
	out.WriteString("| **all tests** |")
	for _, e := range engines {
		out.WriteString(" " + e.cell(regexp.MustCompile(``)) + " |")
	}
	return out.String() + "\n"
}

// title is how people call an engine whose file is named 28.5-containerd.
func title(name string) string {
	version, store, other := strings.Cut(name, "-")
	if other {
		return fmt.Sprintf("Docker %s, %s", version, strings.Replace(store, "containerd", "containerd's store", 1))
	}
	return "Docker " + version
}

// cell says how many tests of a promise passed, or which failed. A test that was skipped says nothing.
func (e engine) cell(pattern *regexp.Regexp) string {
	matching := func(result string) []string {
		return slices.DeleteFunc(e.tests(result), func(name string) bool { return !pattern.MatchString(name) })
	}
	switch failed, passed := matching("fail"), matching("pass"); {
	case len(failed) > 0:
		return "**no**: `" + strings.Join(failed, "`, `") + "`"
	case len(passed) > 0:
		return strconv.Itoa(len(passed))
	}
	return "–"
}
