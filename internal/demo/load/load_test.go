package load_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/demo/load"
)

// start runs a prober until the test ends.
func start(t *testing.T, url string) *load.Prober {
	t.Helper()
	p := load.New(load.Config{URL: url, Every: 2 * time.Millisecond})
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.Run(ctx) })
	t.Cleanup(wg.Wait)
	t.Cleanup(stop)
	return p
}

// until polls a condition on figures that only grow, for ten seconds at most.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("did not come: %s", what)
		}
	}
}

func TestPagesErrorsAndSilenceAreToldApart(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(srv.Close)
	p := start(t, srv.URL)
	until(t, "a second of pages", func() bool { return p.Summary(60).Over > 0 })
	if s := p.Summary(60); s.Percent != 0 || s.Buckets[0].OK == 0 {
		t.Errorf("a shop that works: %+v", s)
	}
	broken.Store(true)
	until(t, "errors", func() bool { return p.Summary(1).Percent == 100 })
	srv.Close()
	until(t, "silence", func() bool { b := p.Buckets(1)[0]; return b.Down > 0 && b.Errors+b.OK == 0 })
}

func TestASecondWithoutAnAnswerHasABucketToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := load.New(load.Config{URL: "http://127.0.0.1:1"})
		p.Count(200, nil)
		time.Sleep(3 * time.Second) // the bubble's clock, not the world's
		p.Count(500, nil)
		time.Sleep(time.Second)
		var got []int
		for _, b := range p.Buckets(10) {
			got = append(got, b.Requests())
		}
		if diff := cmp.Diff([]int{1, 0, 0, 1}, got); diff != "" {
			t.Error(diff)
		}
		if s := p.Summary(10); s.Percent != 50 || s.ErrorsPerMinute != 15 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTheGapIsTheLongestSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := load.New(load.Config{URL: "http://127.0.0.1:1"})
		from := time.Now()
		for _, pause := range []time.Duration{100, 1700, 200} {
			time.Sleep(pause * time.Millisecond)
			p.Count(200, nil)
		}
		if got := p.Gap(from, time.Now()); got != 1700*time.Millisecond {
			t.Errorf("longest silence: %s", got)
		}
		time.Sleep(5 * time.Second)
		if got := p.Gap(from, time.Now()); got != 5*time.Second {
			t.Errorf("a silence that goes on: %s", got)
		}
		if got := p.Gap(from, from.Add(50*time.Millisecond)); got != 100*time.Millisecond {
			t.Errorf("longest silence that began in the first 50 ms: %s", got)
		}
	})
}
