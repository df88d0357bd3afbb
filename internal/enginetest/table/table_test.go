package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const old = `{"Action":"run","Package":"p","Test":"TestNight"}
{"Action":"output","Package":"p","Test":"TestNight","Output":"--- PASS\n"}
{"Action":"pass","Package":"p","Test":"TestNight","Elapsed":1}
{"Action":"skip","Package":"p","Test":"TestComposeKnowsIt/v2"}
{"Action":"pass","Package":"p"}
`

const newer = `# p
{"Action":"output","Package":"p","Test":"TestNight","Output":"it is dark\n"}
{"Action":"fail","Package":"p","Test":"TestNight"}
{"Action":"pass","Package":"p","Test":"TestComposeKnowsIt/v2"}
{"Action":"fail","Package":"p"}
`

func TestTableSaysWhichPromiseHoldsOnWhichEngine(t *testing.T) {
	dir := t.TempDir()
	document := filepath.Join(dir, "engines.md")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(document, "# Engines\n"+begin+"\nwhat was\n"+end+"\nPodman\n")
	write(filepath.Join(dir, "20.10.json"), old)
	write(filepath.Join(dir, "28.5-containerd.json"), newer)
	var out strings.Builder
	if err := run([]string{"-failures", "-update", document, filepath.Join(dir, "28.5-containerd.json"), filepath.Join(dir, "20.10.json")}, &out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Engines\n", "\nPodman\n",
		"| | Docker 20.10 | Docker 28.5, containerd's store |\n",
		"| a whole night | 1 | **no**: `TestNight` |\n",
		"| Compose 2 | – | 1 |\n",
		"| **all tests** | 1 | **no**: `TestNight` |\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the document lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "what was") {
		t.Error("the table from before is still there")
	}
	want := "20.10: 1 passed, 0 failed, 1 skipped\n28.5-containerd: TestNight\nit is dark\n\n28.5-containerd: 1 passed, 1 failed, 0 skipped\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestTableNeedsItsPlace(t *testing.T) {
	document := filepath.Join(t.TempDir(), "engines.md")
	if err := os.WriteFile(document, []byte("# Engines\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-update", document}, nil); err == nil || !strings.Contains(err.Error(), "no place") {
		t.Errorf("without its place: %v", err)
	}
}
