package logtail_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/storetest"
)

// watchedFor is how long the cost is measured.
const watchedFor = 30 * time.Second

const accessLine = `203.0.113.9 - - [28/Nov/2026:03:42:00 +0000] "GET /cart?id=17 HTTP/1.1" 200 512 "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64)"`

// BenchmarkErrors is what it costs to follow the logs of 200 containers that write 10 lines a second, and of one that writes 50,000.
// The engine writes the logs whether anybody reads them or not, so what it takes without a reader is measured first.
func BenchmarkErrors(b *testing.B) {
	for _, c := range []struct{ containers, rate int }{{200, 10}, {1, 50_000}} {
		b.Run(fmt.Sprintf("%d containers of %d lines a second", c.containers, c.rate), func(b *testing.B) {
			for b.Loop() {
				benchmarkFollowing(b, c.containers, c.rate)
			}
		})
	}
}

func benchmarkFollowing(b *testing.B, containers, rate int) {
	daemon := enginetest.StartDaemon(b) // what others do on this machine's is not to be measured
	n := &night{t: b, scope: enginetest.On(b, daemon.Host()), db: storetest.New(b)}
	image := n.scope.Image("flood", `ENTRYPOINT ["/app"]`)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i := range containers {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			n.scope.Run(n.scope.Name(fmt.Sprint("web", i)), "--log-opt", "max-size=50m", "--log-opt", "max-file=3", image, "flood", strconv.Itoa(rate), accessLine, "level=error msg=boom")
		})
	}
	wg.Wait()
	key := n.key("web0")
	aloneSelf, aloneEngine := costOf(b, daemon.Host())
	n.start(func(c *logtail.Config) { c.Look, c.Every, c.Step = 5*time.Second, 2*time.Second, time.Minute })
	n.until(key, "the past", func(m flat.Minute) bool { return m.Seconds > 1 })
	time.Sleep(10 * time.Second) // until a flood is known to be one
	self, engine := costOf(b, daemon.Host())
	state, _ := n.follower.State(key)
	b.ReportMetric(self-aloneSelf, "%cpu-bot")
	b.ReportMetric(engine-aloneEngine, "%cpu-engine")
	b.ReportMetric(aloneEngine, "%cpu-engine-unread")
	b.ReportMetric(100*state.Share, "%read")
	b.ReportMetric(float64(state.Lag.Milliseconds()), "ms-lag")
	b.ReportMetric(0, "ns/op")
	n.stop()
	for i := range containers { // at once, which the cleanup does not
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			n.scope.Docker("rm", "-f", n.scope.Name(fmt.Sprint("web", i)))
		})
	}
	wg.Wait()
}

// costOf is how many percent of a core this process, and the engine that listens on host, take.
func costOf(b *testing.B, host string) (self, engine float64) {
	b.Helper()
	beforeSelf, beforeEngine := selfTime(b), engineTime(b, host)
	time.Sleep(watchedFor)
	return 100 * (selfTime(b) - beforeSelf).Seconds() / watchedFor.Seconds(), 100 * (engineTime(b, host) - beforeEngine).Seconds() / watchedFor.Seconds()
}

func selfTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// engineTime is the time that the engine has taken that listens on host.
func engineTime(b *testing.B, host string) (sum time.Duration) {
	b.Helper()
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	found := false
	defer func() {
		if !found {
			b.Fatalf("there is no engine that listens on %s", host)
		}
	}()
	for _, path := range stats {
		text, err := os.ReadFile(path)
		called, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || !strings.Contains(string(text), "(dockerd)") || !strings.Contains(string(called), host+"\x00") {
			continue
		}
		found = true
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
			ticks, _ := strconv.Atoi(field)
			sum += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return sum
}
