package restore_test

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture/vault"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
)

// BenchmarkVolumes archives a volume into the vault and fills it again, beside docker cp of the same volume to a file and
// back. SNAPBACK_BENCH_MIB is its size, 1024 by default: half of it random, half of it text. It fails when the memory of
// the bot grows with the volume.
func BenchmarkVolumes(b *testing.B) {
	mib, err := strconv.Atoi(os.Getenv("SNAPBACK_BENCH_MIB"))
	if err != nil {
		mib = 1024
	}
	s := enginetest.New(b)
	engine, err := docker.New(b.Context(), docker.Config{HelperProgram: s.Program(), HelperImage: s.Name("helper"), Only: s.Only()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	id := s.Run(s.Name("api"), "--volume", s.Name("data")+":/data", s.Image("good", `CMD ["/app"]`))
	s.Docker("stop", "-t", "0", id)
	fillVolume(b, s, id, mib)
	if err := engine.ReadyToMove(b.Context()); err != nil {
		b.Fatal(err)
	}
	ring := testkit.RingOf(b, snapshottest.TestKeys)
	dir := b.TempDir()
	v, err := vault.New(vault.Config{Dir: dir, Keys: ring, Limit: 0.999})
	if err != nil {
		b.Fatal(err)
	}
	m := snapshot.Mount{Path: "/data", Type: "volume", Source: s.Name("data")}
	before := resident(b)
	took := map[string]time.Duration{}
	measure := func(what string, do func() error) {
		begun := time.Now()
		if err := do(); err != nil {
			b.Fatalf("%s: %v", what, err)
		}
		took[what] += time.Since(begun)
	}
	var size int64
	for n := range b.N {
		a := snapshot.Archive{Mount: m}
		set := fmt.Sprintf("set-%d", n)
		draft, err := v.Begin(set)
		if err != nil {
			b.Fatal(err)
		}
		measure("archive", func() error {
			return draft.Add(b.Context(), &a, func(w io.Writer) error {
				_, err := engine.Pack(b.Context(), id, m, w)
				return err
			})
		})
		if err := draft.Commit(snapshot.VolumeSet{ID: set, Archives: []snapshot.Archive{a}}); err != nil {
			b.Fatal(err)
		}
		size = a.Bytes
		file := filepath.Join(dir, "cp.tar")
		measure("cp-out", func() error { return redirected("", file, "docker", "cp", id+":/data/.", "-") })
		measure("verify", func() error { return v.Verify(b.Context(), set, a, io.Discard) })
		measure("fill", func() error {
			r, err := v.Open(set, a)
			if err != nil {
				return err
			}
			defer func() { _ = r.Close() }()
			return engine.Unpack(b.Context(), id, m, r)
		})
		measure("cp-in", func() error { return redirected(file, "", "docker", "cp", "-", id+":/data/") })
		_ = v.Drop(set)
	}
	for what, d := range took {
		b.ReportMetric(float64(mib)*float64(b.N)/d.Seconds(), what+"-MiB/s")
	}
	grown := resident(b) - before
	b.ReportMetric(float64(grown)/1024, "grown-MiB")
	b.ReportMetric(float64(resident(b))/1024, "peak-MiB")
	b.ReportMetric(float64(size)/(1<<20), "archive-MiB")
	if grown > 64<<10 {
		b.Errorf("the bot's memory has grown by %d KiB", grown)
	}
}

// fillVolume copies files into the volume that were made on the way.
func fillVolume(b *testing.B, s *enginetest.Scope, id string, mib int) {
	b.Helper()
	folder := filepath.Join(b.TempDir(), "fill")
	if err := os.Mkdir(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	text := strings.NewReplacer("@", strings.Repeat("GET /checkout 200 in 12 ms by worker 7\n", 3)).Replace
	for n := range mib / 16 {
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%d.dat", n)))
		if err != nil {
			b.Fatal(err)
		}
		w := bufio.NewWriter(f)
		_, err = io.CopyN(w, rand.Reader, 8<<20)
		for written := 0; err == nil && written < 8<<20; {
			var k int
			k, err = w.WriteString(text(fmt.Sprintf("%d %d @", n, written)))
			written += k
		}
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	s.Docker("cp", folder+"/.", id+":/data/")
}

// redirected runs a command with files for its input and output, and waits until the disk has it, as the vault does.
func redirected(in, out string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	if in != "" {
		f, err := os.Open(in)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		cmd.Stdin = f
	}
	if out == "" {
		return cmd.Run()
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	cmd.Stdout = f
	if err := cmd.Run(); err != nil {
		return err
	}
	return f.Sync()
}

// resident is the most memory that this process has had, in KiB.
func resident(b *testing.B) int {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatal("the kernel does not tell")
	return 0
}
