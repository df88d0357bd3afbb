package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/jackc/pgx/v5"
)

// How often a container is deployed in a soak, and how long that lasts unless SNAPBACK_SOAK says otherwise.
const (
	soakEvery = 5 * time.Second
	soakFor   = 2 * time.Minute
)

// soaked is what must not grow with the deploys: all but the timeline, the deploys and the rows of removed snapshots, which
// are kept on purpose.
type soaked struct {
	after                       time.Duration
	jobs, unfinished, documents int // rows
	memory, goroutines, files   int
}

// BenchmarkSoak deploys one container all the time, by default for two minutes, and shows what the bot and its tables take. Finished
// jobs go after five minutes and the documents of removed snapshots after ten, so a soak of less than that shows them
// growing: SNAPBACK_SOAK=30m shows that they stop.
func BenchmarkSoak(b *testing.B) {
	last := soakFor
	if set := os.Getenv("SNAPBACK_SOAK"); set != "" {
		var err error
		if last, err = time.ParseDuration(set); err != nil {
			b.Fatal(err)
		}
	}
	b.Setenv("SNAPBACK_BASELINE_AFTER", "1s") // so that each deploy leaves snapshots, of which most are removed again
	s := newStage(b)
	image := s.Image("shop", `CMD ["/app", "serve", "-addr="]`)
	url := s.postgres()
	bot := s.serve(url)
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	bot.conn, bot.image = conn, image
	for b.Loop() {
		bot.soak(last)
	}
	b.ReportMetric(0, "ns/op") // it lasts as long as it is told to
}

func (p *servant) soak(last time.Duration) {
	began, tick := time.Now(), time.NewTicker(soakEvery)
	defer tick.Stop()
	fmt.Printf("\na deploy every %s for %s (load %s)\n%8s %6s %10s %10s %7s %10s %6s\n", soakEvery, last, load(),
		"after", "jobs", "unfinished", "documents", "VmRSS", "goroutines", "files")
	var shown soaked
	for round := 1; time.Since(began) < last; round++ {
		if round > 1 {
			if err := p.Engine().Client().ContainerRemove(p.b.Context(), p.name(0), container.RemoveOptions{Force: true}); err != nil {
				p.b.Fatal(err)
			}
		}
		if _, err := p.run(p.b.Context(), 0, round); err != nil {
			p.b.Fatal(err)
		}
		if round%max(1, int(last/soakEvery)/12) == 0 {
			shown = p.take(began)
			fmt.Printf("%8s %6d %10d %10d %4d MB %10d %6d\n", shown.after.Round(time.Second), shown.jobs, shown.unfinished, shown.documents,
				shown.memory, shown.goroutines, shown.files)
		}
		<-tick.C
	}
	p.b.ReportMetric(float64(shown.jobs), "jobs")
	p.b.ReportMetric(float64(shown.documents), "dead-documents")
	p.b.ReportMetric(float64(shown.memory), "rss-MB")
	p.b.ReportMetric(float64(shown.goroutines), "goroutines")
	p.b.ReportMetric(float64(shown.files), "files")
}

func (p *servant) take(began time.Time) soaked {
	t := soaked{after: time.Since(began), memory: p.memory("VmRSS"), goroutines: p.goroutines()}
	err := p.conn.QueryRow(p.b.Context(), `SELECT (SELECT count(*) FROM river_job), (SELECT count(*) FROM river_job WHERE finalized_at IS NULL),
		(SELECT count(*) FROM snapshots WHERE deleted_at IS NOT NULL AND octet_length(document) > 0)`).Scan(&t.jobs, &t.unfinished, &t.documents)
	if err != nil {
		p.b.Fatal(err)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.pid))
	if err != nil {
		p.b.Fatal(err)
	}
	t.files = len(files)
	return t
}

var goroutinesGauge = regexp.MustCompile(`(?m)^go_goroutines (\d+)`)

// goroutines asks the bot's own metrics.
func (p *servant) goroutines() int {
	answer, err := http.Get(p.metrics + "/metrics")
	if err != nil {
		p.b.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.b.Fatal(err)
	}
	found := goroutinesGauge.FindSubmatch(text)
	if found == nil {
		p.b.Fatalf("the metrics tell of no goroutines:\n%s", text)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		p.b.Fatal(err)
	}
	return n
}
