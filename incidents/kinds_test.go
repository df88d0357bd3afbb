package incidents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents"
)

const here = "github.com/snapback/snapback/incidents"

// pkg is a package as the go command lists it.
type pkg struct {
	ImportPath, Dir, Export string
	GoFiles, Imports        []string
}

// Every constant of type Kind, wherever the program has one, stands for what is written onto timelines or looked for there.
func TestEveryKindIsInTheTable(t *testing.T) {
	t.Parallel()
	seen := map[incidents.Kind]bool{}
	for _, p := range program(t) {
		for expr, v := range p.info.Types {
			if v.Value == nil || types.TypeString(v.Type, nil) != here+".Kind" || constant.StringVal(v.Value) == "" {
				continue
			}
			kind := incidents.Kind(constant.StringVal(v.Value))
			seen[kind] = true
			if m, ok := kind.Meaning(); !ok || m.Is == "" {
				t.Errorf("%s: the table has no row for %q, or one that does not say what it is", p.files.Position(expr.Pos()), kind)
			}
		}
	}
	if len(seen) < 50 || !seen[incidents.KindRestoreVerified] {
		t.Errorf("only %d kinds were found: the test does not see them", len(seen))
	}
}

// Kinds are made in incidents alone. Elsewhere they have names, and only the name of an event of PagerDuty's becomes one.
func TestKindsAreWrittenByName(t *testing.T) {
	t.Parallel()
	for _, p := range program(t) {
		for expr, v := range p.info.Types {
			if p.path == here || types.TypeString(v.Type, nil) != here+".Kind" {
				continue
			}
			switch e := expr.(type) {
			case *ast.BasicLit:
				if e.Value != `""` {
					t.Errorf("%s: %s is written out; incidents has a constant for each kind", p.files.Position(e.Pos()), e.Value)
				}
			case *ast.CallExpr:
				if p.info.Types[e.Fun].IsType() && p.path != here+"/pagerduty" {
					t.Errorf("%s: a kind is made of a string", p.files.Position(e.Pos()))
				}
			}
		}
	}
}

func TestRowsOfTheTableFitTogether(t *testing.T) {
	t.Parallel()
	for kind, m := range incidents.Table() {
		refused, _ := m.IfRefused.Meaning()
		switch {
		case m.Mark == "" && (m.Outside || m.Loud):
			t.Errorf("%s is to be posted, and has no mark", kind)
		case (m.Call == incidents.NoCall) != (m.IfRefused == ""):
			t.Errorf("%s: either PagerDuty is asked, and may refuse, or neither", kind)
		case m.IfRefused != "" && (refused.Mark == "" || refused.Call != incidents.NoCall):
			t.Errorf("%s: nobody would be told that PagerDuty refused, or PagerDuty would be", kind)
		}
	}
	if m, ok := incidents.Kind("later.release.failed").Meaning(); ok || m.Mark == "" {
		t.Error("a failure that this release does not know would not be posted")
	}
}

// checked is a package of the program with its types.
type checked struct {
	path  string
	files *token.FileSet
	info  types.Info
}

// program is every package of this module that knows of incidents, without its tests.
func program(t *testing.T) (out []checked) {
	t.Helper()
	all := list(t)
	files := token.NewFileSet()
	imports := importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) {
		if all[path].Export == "" {
			return nil, errors.New("not built: " + path)
		}
		return os.Open(all[path].Export)
	})
	for path, p := range all {
		if !strings.HasPrefix(path, filepath.Dir(here)) || path != here && !slices.Contains(p.Imports, here) {
			continue
		}
		c := checked{path, files, types.Info{Types: map[ast.Expr]types.TypeAndValue{}}}
		config := types.Config{Importer: imports}
		if _, err := config.Check(path, files, parse(t, files, p), &c.info); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func list(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Imports", filepath.Dir(here)+"/...")
	cmd.Stderr = os.Stderr
	doc, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(doc)); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
	return all
}

func parse(t *testing.T, files *token.FileSet, p pkg) (out []*ast.File) {
	t.Helper()
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

// PagerDuty has a note that errors are flat. When they are no more, or are not in the first place, it gets another one.
func TestPagerDutyHasANoteOfAllThatBecomesOfErrors(t *testing.T) {
	t.Parallel()
	for _, kind := range []incidents.Kind{incidents.KindErrorsFlat, incidents.KindErrorsBack, incidents.KindErrorsFlatAgain, incidents.KindErrorsNotFlat} {
		if kind.Call() != incidents.CallNote {
			t.Errorf("no note is made of %s", kind)
		}
	}
}
