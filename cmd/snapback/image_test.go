package main

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
)

// rootOf makes the root of an image in $1: busybox, and the programs that follow, with the libraries that they are linked to. The
// programs of this machine stand in for images that nobody can pull here.
const rootOf = `set -euo pipefail
root=$1; shift
mkdir -p "$root"/{bin,tmp,etc,root}; chmod 1777 "$root/tmp"
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"; done
for program in "$@"; do
  cp --parents -L "$program" "$root"
  { ldd "$program" 2>/dev/null || true; } | { grep -oE '/[^ ]+' || true; } | while read -r library; do
    [ -e "$root$library" ] || cp --parents -L "$library" "$root"
  done
done`

// base imports an image of programs of this machine, with more files, by their paths; those that begin with #! are programs.
func base(s *enginetest.Scope, t *testing.T, name string, programs []string, files map[string]string, changes ...string) string {
	t.Helper()
	root := t.TempDir()
	command(t, exec.Command("bash", append([]string{"-c", rootOf, "root", root}, programs...)...))
	for path, text := range files {
		path = filepath.Join(root, path)
		testkit.OK(t, os.MkdirAll(filepath.Dir(path), 0o755))
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		testkit.OK(t, os.WriteFile(path, []byte(text), mode))
	}
	layer := filepath.Join(t.TempDir(), "layer.tar")
	command(t, exec.Command("tar", "-C", root, "--owner=0", "--group=0", "-cf", layer, "."))
	args := []string{"import"}
	for _, change := range changes {
		args = append(args, "--change", change)
	}
	ref := s.Name(name)
	s.Docker(append(args, layer, ref)...)
	t.Cleanup(func() { _, _ = s.Try("rmi", "-f", ref) })
	return ref
}

// command runs it, fails the test when it fails, and returns what it said.
func command(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

// static builds the program as the image has it, once.
var static = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "snapback-static-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "timetzdata", "-ldflags", "-s -w -X main.version=of-a-test", "-o", filepath.Join(dir, "snapback"), ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, &exec.Error{Name: string(out), Err: err}
	}
	return os.ReadFile(filepath.Join(dir, "snapback"))
})

// The stand-ins for the compilers hand out what was built before, and say what they were asked for.
const (
	npmStandIn = "#!/bin/sh\ncase $1 in ci) ;; run) mkdir -p dist && echo stand-in >dist/index.html ;; *) exit 1 ;; esac\n"
	goStandIn  = `#!/bin/sh
[ "$1" = build ] || exit 0
echo "asked to build for <$GOOS/$GOARCH> with CGO_ENABLED=$CGO_ENABLED"
while [ $# -gt 1 ]; do [ "$1" != -o ] || { mkdir -p "${2%/*}" && cp "/built${GOARCH:+.$GOARCH}" "$2" 2>/dev/null || cp /built "$2"; }; shift; done
`
)

// bases are the arguments of a build from stand-ins.
func bases(s *enginetest.Scope, t *testing.T) string {
	t.Helper()
	for _, program := range []string{"make", "busybox", "docker"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	built, err := static()
	testkit.OK(t, err)
	node := base(s, t, "node", nil, map[string]string{"bin/npm": npmStandIn}, "ENV PATH=/bin")
	golang := base(s, t, "go", nil, map[string]string{"bin/go": goStandIn, "built": "", "built.arm64": headOfArm64(built), "etc/ssl/certs/ca-certificates.crt": "none\n"}, "ENV PATH=/bin")
	// The program is put in by a layer of its own: it is no text.
	made := s.Docker("create", golang, "/bin/sh")
	path := filepath.Join(t.TempDir(), "built")
	testkit.OK(t, os.WriteFile(path, built, 0o755))
	s.Docker("cp", path, made+":/built")
	s.Docker("commit", made, golang)
	s.Docker("rm", made)
	return "--no-cache --force-rm --build-arg NODE_IMAGE=" + node + " --build-arg GO_IMAGE=" + golang
}

// headOfArm64 is the head of a program for arm64, made of one for this machine: nothing runs it.
func headOfArm64(program []byte) string {
	head := slices.Clone(program[:64])
	binary.LittleEndian.PutUint16(head[18:], uint16(elf.EM_AARCH64))
	clear(head[32:48]) // it has no tables
	clear(head[56:])
	return string(head)
}

var step = regexp.MustCompile(`(?m)^ ---> ([0-9a-f]{12})$`)

// makeImage is make image; what it leaves goes with the test.
func makeImage(s *enginetest.Scope, t *testing.T, version, args string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "make", "image", "VERSION="+version, "ARGS="+args)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "BUILDKIT_PROGRESS=plain")
	if s.Host() != "" {
		cmd.Env = append(cmd.Env, "DOCKER_HOST="+s.Host())
	}
	out := command(t, cmd)
	t.Cleanup(func() {
		_, _ = s.Try("rmi", "-f", "snapback:"+version)
		layers := step.FindAllStringSubmatch(out, -1)
		for _, layer := range slices.Backward(layers) { // of a builder that keeps them as images
			_, _ = s.Try("rmi", layer[1])
		}
	})
	return out
}

func TestTheImageIsTheProgramAndNothingElseAndRunsAsTheDocsSay(t *testing.T) {
	n := newNight(t)
	s := n.Scope
	args := bases(s, t)
	version := s.Name("image")
	makeImage(s, t, version, args)
	ref := "snapback:" + version
	if got := s.Docker("run", "--rm", "--name", s.Name("version"), "--read-only", "--network", "none", ref, "version"); got != "snapback of-a-test" {
		t.Errorf("it says %q", got)
	}
	got := s.Docker("inspect", "--format", "{{.Config.User}} {{.Config.Healthcheck.Test}} {{.Config.Entrypoint}} {{.Config.Cmd}} {{.Config.Volumes}}", ref)
	if want := "65532:65532 [CMD /usr/local/bin/snapback health] [/usr/local/bin/snapback] [serve] map[/var/lib/snapback:{}]"; got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
	files := filesOf(s, t, ref)
	want := []string{"etc/ssl/certs/ca-certificates.crt", "usr/local/bin/snapback"}
	if !slices.Equal(files, want) {
		t.Errorf("it holds %q, want %q", files, want)
	}
	n.runsAsTheDocsSay(ref)
}

// filesOf are an image's own files, without those that the engine adds to a container.
func filesOf(s *enginetest.Scope, t *testing.T, ref string) (files []string) {
	t.Helper()
	made := s.Docker("create", ref)
	layer := filepath.Join(t.TempDir(), "all.tar")
	s.Docker("export", "--output", layer, made)
	s.Docker("rm", "-v", made)
	for file := range strings.Lines(command(t, exec.Command("tar", "-tf", layer))) {
		file = strings.TrimSpace(file)
		added := []string{".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", "dev/console"}
		if !strings.HasSuffix(file, "/") && !slices.Contains(added, file) {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files
}

func TestTheImageIsBuiltForOtherMachines(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	args := bases(s, t)
	version := s.Name("arm")
	out := makeImage(s, t, version, args+" --build-arg TARGETARCH=arm64")
	if !strings.Contains(out, "asked to build for <linux/arm64> with CGO_ENABLED=0") {
		t.Errorf("it was built for another:\n%s", out)
	}
	made := s.Docker("create", "snapback:"+version)
	path := filepath.Join(t.TempDir(), "snapback")
	s.Docker("cp", made+":/usr/local/bin/snapback", path)
	s.Docker("rm", "-v", made)
	program, err := elf.Open(path)
	testkit.OK(t, err)
	defer program.Close()
	if program.Machine != elf.EM_AARCH64 {
		t.Errorf("the program in it is for %s", program.Machine)
	}
}
