package docker_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

var update = flag.Bool("update", false, "write docs/matrix.md instead of comparing with it")

// matrixCase is one container: how it is made, what a deploy does to it, and what may differ after its restore. In
// all texts, @word stands for a name of this test's own.
type matrixCase struct {
	attributes []string                        // what the case is about: its rows in the table
	prepare    []string                        // docker commands that come first
	image      []string                        // Dockerfile instructions of its image
	flags      string                          // docker run's
	command    []string                        // after the image's name
	raw        map[string]any                  // a create request in the place of flags, for what the docker command refuses below API 1.44
	then       []string                        // docker commands once it runs
	written    bool                            // something is written to its own layer
	deploy     []string                        // docker commands that break it; nil: removed, and another one under its name
	stopped    bool                            // the container is created, but can't be started here
	expected   []string                        // attributes whose difference is explained
	differs    []string                        // the same in the raw document, as patterns of paths
	check      func(t *testing.T, r *restored) // what Compare can't see
}

// restored is a case after its restore.
type restored struct {
	scope         *enginetest.Scope
	name          string
	spec          snapshot.Spec
	before, after json.RawMessage // as the engine gave them
	differences   []snapshot.Difference
}

func TestRestoreBringsBackTheSameContainer(t *testing.T) {
	t.Parallel()
	var passed atomic.Int32
	t.Run("attributes", func(t *testing.T) {
		for _, c := range matrix {
			t.Run(strings.Join(c.attributes, ", "), func(t *testing.T) {
				t.Parallel()
				r := c.restore(t)
				for _, difference := range r.differences {
					t.Errorf("%s: want %q, got %q (expected: %q)", difference.Attribute, difference.Want, difference.Got, difference.Expected)
				}
				if !t.Failed() {
					passed.Add(1)
				}
			})
		}
	})
	if int(passed.Load()) == len(matrix) { // else only some cases ran, or some failed and have said so
		compareWithDocs(t)
	}
}

// restore takes a case through everything. Differences that the case allows are taken out of the result.
func (c matrixCase) restore(t *testing.T) *restored {
	t.Helper()
	s := enginetest.New(t)
	if len(c.prepare) > 0 {
		s.Image("dbimage", `ENTRYPOINT ["/app"]`)
	}
	for _, command := range c.prepare {
		s.Docker(words(s, command)...)
	}
	name, ref := s.Name("api"), s.Image("good", orDefault(c.image)...)
	id := c.start(t, s, name, ref)
	for _, command := range c.then {
		s.Docker(words(s, command)...)
	}
	if c.written {
		s.Docker("exec", id, "/app", "touch", "/written")
	}
	r := &restored{scope: s, name: name, before: s.Raw(id)}
	r.spec = keep(t, s, id, c.written)
	c.breakIt(s, name)
	c.putBack(t, r)
	r.after = s.Raw(name)
	c.judge(t, r)
	if c.check != nil {
		c.check(t, r)
	}
	return r
}

func orDefault(changes []string) []string {
	if changes == nil {
		return []string{`ENTRYPOINT ["/app"]`, `CMD ["serve"]`, "ENV FROM_IMAGE=yes"}
	}
	return changes
}

func (c matrixCase) start(t *testing.T, s *enginetest.Scope, name, ref string) string {
	t.Helper()
	switch {
	case c.raw != nil:
		return createRaw(t, s, name, ref, c.raw)
	case c.stopped:
		args := append([]string{"create", "--name", name, "--label", "snapback.enable=true"}, words(s, c.flags)...)
		return s.Docker(append(append(args, ref), c.command...)...)
	}
	return s.Run(name, append(append(words(s, c.flags), ref), c.command...)...)
}

var placeholder = regexp.MustCompile(`@([a-z0-9]+)`)

// words splits a command at blanks, and puts names in. A blank within a word is written as ~.
func words(s *enginetest.Scope, text string) []string {
	out := strings.Fields(placeholder.ReplaceAllStringFunc(text, func(p string) string { return s.Name(p[1:]) }))
	for i, word := range out {
		out[i] = strings.ReplaceAll(word, "~", " ")
	}
	return out
}

// keep is what taking a snapshot does.
func keep(t *testing.T, s *enginetest.Scope, id string, written bool) snapshot.Spec {
	t.Helper()
	e := s.Engine()
	in, err := e.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	has, err := e.Written(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if has != written {
		t.Errorf("Written = %v, want %v", has, written)
	}
	spec := snapshot.Spec{Document: in.Document, ImageID: in.ImageID, ImageRef: docker.Ref(in.Name, "pre-deploy-2255")}
	testkit.OK(t, e.TagMounted(t.Context(), spec.Document, spec.ImageRef))
	if !written {
		if err := e.Tag(t.Context(), in.ImageID, spec.ImageRef); err != nil {
			t.Fatal(err)
		}
		return spec
	}
	if spec.ImageID, _, err = e.Commit(t.Context(), id, spec.ImageRef, true); err != nil {
		t.Fatal(err)
	}
	return spec
}

// breakIt is the bad deploy: another image, environment, network and mount under the same name, and the image's own
// name means another one.
func (c matrixCase) breakIt(s *enginetest.Scope, name string) {
	for _, command := range c.deploy {
		s.Docker(words(s, command)...)
	}
	if c.deploy != nil {
		return
	}
	s.Docker("rm", "--force", name)
	bad := s.Image("bad", `ENTRYPOINT ["/app"]`, "ENV BAD=1", "EXPOSE 9/udp", "VOLUME /bad", "LABEL bad=1")
	s.Docker("network", "create", s.Name("badnet"))
	s.Run(name, "--env", "DB_POOL=2", "--network", s.Name("badnet"), "--volume", s.Name("badvolume")+":/data", bad)
}

// putBack does what a restore does, in its order.
func (c matrixCase) putBack(t *testing.T, r *restored) {
	t.Helper()
	e, ctx := r.scope.Engine(), t.Context()
	old, err := e.Inspect(ctx, r.name)
	if err == nil {
		r.spec.Replaces = old.ID
	}
	finding, err := e.Check(ctx, r.name, r.spec)
	if err != nil {
		t.Fatal(err)
	}
	if len(finding.Problems) > 0 {
		t.Fatalf("preflight: %v", finding.Problems)
	}
	id, err := e.Create(ctx, r.name+".snapback-1", r.spec)
	if err != nil {
		t.Fatal(err)
	}
	if r.spec.Replaces != "" {
		testkit.OK(t, e.SetRestartPolicy(ctx, old.ID, snapshot.RestartPolicy{Name: "no"}))
		testkit.OK(t, e.Stop(ctx, old.ID, time.Second))
		if !old.AutoRemove {
			testkit.OK(t, e.Rename(ctx, old.ID, r.name+".before-0347"))
		}
	}
	waitForName(t, r)
	testkit.OK(t, e.Rename(ctx, id, r.name))
	if !c.stopped {
		testkit.OK(t, e.Start(ctx, id))
	}
}

// waitForName: a container that removes itself keeps its name until it is gone.
func waitForName(t *testing.T, r *restored) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := r.scope.Try("inspect", r.name); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the name %s does not become free", r.name)
		}
	}
}

// judge asks Compare, and then, since Compare must not be its own judge, the documents themselves.
func (c matrixCase) judge(t *testing.T, r *restored) {
	t.Helper()
	got, err := r.scope.Engine().Inspect(t.Context(), r.name)
	testkit.OK(t, err)
	if !c.stopped && got.State != "running" {
		tail, _ := r.scope.Engine().Tail(t.Context(), got.ID, 5)
		t.Errorf("the restored container is %s: %s", got.State, tail)
	}
	all, err := r.scope.Engine().Compare(r.spec.Document, r.spec, got.Document)
	testkit.OK(t, err)
	for _, a := range c.expected {
		if !slices.ContainsFunc(all, func(d snapshot.Difference) bool { return strings.HasPrefix(d.Attribute, a) }) {
			t.Errorf("nothing differs in %s, but the case says so", a)
		}
	}
	r.differences = slices.DeleteFunc(all, func(d snapshot.Difference) bool {
		return d.Expected != "" && slices.ContainsFunc(c.allowed(), func(a string) bool { return strings.HasPrefix(d.Attribute, a) })
	})
	for path, change := range rawDifferences(r.before, r.after) {
		if !slices.ContainsFunc(c.allowedRaw(), func(p string) bool { return regexp.MustCompile("^" + p + "$").MatchString(path) }) {
			t.Errorf("raw document: %s: %s", path, change)
		}
	}
}

// allowed lists the attributes that may differ, with an explanation. A commit is another image, under our tag.
func (c matrixCase) allowed() []string {
	if c.written {
		return append([]string{"image"}, c.expected...)
	}
	return c.expected
}

func (c matrixCase) allowedRaw() []string {
	if c.written {
		return append([]string{"Image", `Config\.Image`, `ImageManifestDescriptor\.(digest|size)`}, c.differs...)
	}
	return c.differs
}

func compareWithDocs(t *testing.T) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "matrix.md")
	if *update {
		testkit.OK(t, os.MkdirAll(filepath.Dir(path), 0o755))
		testkit.OK(t, os.WriteFile(path, []byte(matrixPage()), 0o644))
		return
	}
	have, err := os.ReadFile(path)
	testkit.OK(t, err)
	if diff := cmp.Diff(string(have), matrixPage()); diff != "" {
		t.Errorf("docs/matrix.md is not what the test has seen (-docs +test); write it with -update:\n%s", diff)
	}
}

// matrixPage is the page when all cases have passed.
func matrixPage() string {
	var same, differs strings.Builder
	for _, c := range matrix {
		names := strings.Join(c.attributes, ", ")
		switch {
		case c.stopped:
			fmt.Fprintf(&same, "- %s (compared without being started)\n", names)
		case len(c.expected) > 0:
			fmt.Fprintf(&differs, "| %s | %s |\n", names, strings.Join(c.expected, ", "))
		default:
			fmt.Fprintf(&same, "- %s\n", names)
		}
	}
	return fmt.Sprintf(matrixForm, &differs, &same)
}

const matrixForm = `# What a restore brings back

Each line is a container that a test made, kept, broke by a deploy, restored and compared. The cases are in
` + "`snapshot/docker/matrix_cases_test.go`" + `. They use API 1.41; later and unknown attributes are carried over as they are.

## Differs, and the restore says why

| attribute | what differs |
|---|---|
%s
## Comes back the same

%s
Written by ` + "`go test ./snapshot/docker -run TestRestoreBringsBackTheSameContainer -update`" + `.
`
