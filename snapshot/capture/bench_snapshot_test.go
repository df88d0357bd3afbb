package capture_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
)

// What is aimed for.
const (
	overTag    = 100 * time.Millisecond
	overCommit = 1.1
)

// benchTaker is a Taker on the real engine and a real Postgres, and a container to take snapshots of.
type benchTaker struct {
	b *testing.B
	*enginetest.Scope
	taker *capture.Taker
	api   snapshot.Container
	n     int
}

func newBenchTaker(b *testing.B) *benchTaker {
	b.Helper()
	db := storetest.New(b)
	s := &benchTaker{b: b, Scope: enginetest.New(b)}
	s.taker = capture.New(capture.Config{Engine: s.Engine(), Ref: docker.Ref, Store: db, Lock: db, Audit: db})
	name := s.Name("api")
	s.Run(name, s.Image("good", `CMD ["/app"]`))
	all, err := s.Engine().List(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	s.api = all[slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Name == name })]
	return s
}

func (s *benchTaker) engine() *client.Client { return s.Engine().Client() }

func (s *benchTaker) name(kind string) string {
	s.n++
	return fmt.Sprintf("%s-%d", kind, s.n)
}

func (s *benchTaker) timed(do func(ctx context.Context) error) time.Duration {
	s.b.Helper()
	began := time.Now()
	if err := do(s.b.Context()); err != nil {
		s.b.Fatal(err)
	}
	return time.Since(began)
}

// take is all of it: the look at the container and at what it has written, the audit entry, the image, the row.
func (s *benchTaker) take(committed bool) time.Duration {
	var taken snapshot.Snapshot
	took := s.timed(func(ctx context.Context) (err error) {
		taken, err = s.taker.Take(ctx, s.api, snapshot.TakeRequest{Name: s.name("take"), By: snapshot.By{Actor: snapshottest.Maria}})
		return err
	})
	if taken.Committed != committed {
		s.b.Fatalf("committed: %t", taken.Committed)
	}
	s.forget(taken.ImageRef)
	return took
}

// forget keeps the disk from filling with commits.
func (s *benchTaker) forget(ref string) {
	if _, err := s.engine().ImageRemove(s.b.Context(), ref, image.RemoveOptions{PruneChildren: true}); err != nil {
		s.b.Fatal(err)
	}
}

func (s *benchTaker) tag() time.Duration {
	ref := s.Name("tagged") + ":" + s.name("tag")
	took := s.timed(func(ctx context.Context) error { return s.engine().ImageTag(ctx, s.Name("good"), ref) })
	s.forget(ref)
	return took
}

func (s *benchTaker) commit() time.Duration {
	ref := s.Name("committed") + ":" + s.name("commit")
	took := s.timed(func(ctx context.Context) error {
		_, err := s.engine().ContainerCommit(ctx, s.api.ID, container.CommitOptions{Reference: ref, Pause: true})
		return err
	})
	s.forget(ref)
	return took
}

// write puts files of a megabyte each into the container's own layer.
func (s *benchTaker) write(files int) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	body := make([]byte, 1<<20)
	for i := range files {
		_, _ = rand.Read(body) // never fails, as crypto/rand says
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprint("cache", i), Mode: 0o644, Size: int64(len(body))}); err != nil {
			s.b.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			s.b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.b.Fatal(err)
	}
	if err := s.engine().CopyToContainer(s.b.Context(), s.api.ID, "/tmp", &buf, container.CopyToContainerOptions{}); err != nil {
		s.b.Fatal(err)
	}
}

// inTurns does two things n times; which of them is first changes every time.
func inTurns(n int, a, b func() time.Duration) (as, bs []time.Duration) {
	for i := range n {
		if i%2 == 0 {
			as = append(as, a())
		}
		bs = append(bs, b())
		if i%2 == 1 {
			as = append(as, a())
		}
	}
	return as, bs
}

// BenchmarkSnapshotUnchanged takes snapshots of a container that has written nothing, beside the engine's own tag call,
// without the 50 ms that it takes to start the command line.
func BenchmarkSnapshotUnchanged(b *testing.B) {
	s := newBenchTaker(b)
	for b.Loop() {
		takes, tags := inTurns(50, func() time.Duration { return s.take(false) }, s.tag)
		over := middle(takes) - middle(tags)
		s.report("snapshot: unchanged container", "docker tag", takes, tags,
			fmt.Sprintf("difference of the medians: %.1f ms, aim at most %s: %s", over.Seconds()*1000, overTag, verdict(over <= overTag)))
		b.ReportMetric(middle(tags).Seconds()*1000, "tag-ms")
	}
}

// BenchmarkSnapshotChanged takes snapshots of a container that has written 50 MB, beside the engine's own commit call,
// which freezes the container as well.
func BenchmarkSnapshotChanged(b *testing.B) {
	s := newBenchTaker(b)
	s.write(50)
	s.commit() // reads what was just written for the first time
	for b.Loop() {
		takes, commits := inTurns(15, func() time.Duration { return s.take(true) }, s.commit)
		ratio := middle(takes).Seconds() / middle(commits).Seconds()
		s.report("snapshot: 50 MB written", "docker commit", takes, commits,
			fmt.Sprintf("ratio of the medians: %.2f, aim at most %.1f: %s", ratio, overCommit, verdict(ratio <= overCommit)))
		b.ReportMetric(middle(commits).Seconds()*1000, "commit-ms")
		b.ReportMetric(ratio, "ratio")
	}
}

// verdict fails nothing: it depends on the machine, and on what else runs there.
func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "MISSED"
}

func middle(d []time.Duration) time.Duration { return slices.Sorted(slices.Values(d))[len(d)/2] }

func (s *benchTaker) report(title, other string, takes, others []time.Duration, remark string) {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		s.b.Fatal(err)
	}
	fmt.Printf("\n%s (%s; load %s)\n", title, time.Now().UTC().Format("2006-01-02 15:04 MST"), strings.Join(strings.Fields(string(load))[:3], " "))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tn\tmedian\tp90\tmin\tmax\t")
	for _, r := range []struct {
		name string
		d    []time.Duration
	}{{"snapshot", takes}, {other, others}} {
		d := slices.Sorted(slices.Values(r.d))
		ms := func(i int) string { return fmt.Sprintf("%.1f ms", d[i].Seconds()*1000) }
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t\n", r.name, len(d), ms(len(d)/2), ms(len(d)*9/10), ms(0), ms(len(d)-1))
	}
	if err := w.Flush(); err != nil {
		s.b.Fatal(err)
	}
	fmt.Println(remark)
	s.b.ReportMetric(0, "ns/op") // it would be the length of all of them
	s.b.ReportMetric(middle(takes).Seconds()*1000, "take-ms")
}
