package prometheus_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/prometheus"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/store"
)

// shop is an exporter, and the real server that scrapes it every second.
type shop struct {
	t        *testing.T
	errors   promclient.Counter
	requests promclient.Counter
	server   string // its address
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, errors: promclient.NewCounter(promclient.CounterOpts{Name: "shop_errors_total"}), requests: promclient.NewCounter(promclient.CounterOpts{Name: "shop_requests_total"})}
	registry := promclient.NewRegistry()
	registry.MustRegister(s.errors, s.requests)
	exporter := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(exporter.Close)
	s.serve(strings.TrimPrefix(exporter.URL, "http://"))
	return s
}

// serve runs Prometheus until the test ends.
func (s *shop) serve(target string) {
	s.t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		s.t.Skip("Prometheus is not installed: scripts/setup prometheus")
	}
	dir := s.t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	testkit.OK(s.t, os.WriteFile(config, fmt.Appendf(nil, "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: shop, static_configs: [{targets: ['%s']}]}]\n", target), 0o600))
	address := fmt.Sprint("127.0.0.1:", testkit.FreePort(s.t))
	ctx, cancel := context.WithCancel(context.Background())
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=error")
	cmd.Stdout, cmd.Stderr, cmd.Dir = &said, &said, dir
	testkit.OK(s.t, cmd.Start())
	s.t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if s.t.Failed() {
			s.t.Log(said.String())
		}
	})
	s.server = "http://" + address
	client, err := prometheus.NewClient(s.server, "")
	testkit.OK(s.t, err)
	until(s.t, "it scrapes", func() bool {
		n, err := client.Now(s.t.Context(), "count(shop_errors_total)")
		return err == nil && n == 1
	})
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	end := time.Now().Add(2 * time.Minute)
	for tick := time.Tick(50 * time.Millisecond); ; <-tick {
		if is() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waiting until %s", what)
		}
	}
}

// fail makes so many errors a second from now on.
func (s *shop) fail(perSecond float64) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		last := time.Now()
		for tick := time.Tick(100 * time.Millisecond); ctx.Err() == nil; {
			select {
			case now := <-tick: // a busy machine leaves some out
				failed := perSecond * now.Sub(last).Seconds()
				s.errors.Add(failed)
				s.requests.Add(10 * failed)
				last = now
			case <-ctx.Done():
			}
		}
	})
	s.t.Cleanup(func() { cancel(); wg.Wait() })
}

const (
	errorsQuery   = "sum(rate(shop_errors_total[10s])) * 60"
	requestsQuery = "rate(shop_requests_total[10s]) * 60"
)

// watched is a container whose errors are asked for.
func watched(t *testing.T, client *prometheus.Client, labels map[string]string) (*store.DB, *prometheus.Source, string) {
	t.Helper()
	scope, db := enginetest.New(t), storetest.New(t)
	var args []string
	for name, value := range labels {
		args = append(args, "--label", name+"="+value)
	}
	scope.Run(scope.Name("shop"), append(args, scope.Image("v1", `ENTRYPOINT ["/app"]`), "serve", "-addr=")...)
	engine, err := docker.New(t.Context(), docker.Config{Only: scope.Only()})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = engine.Close() })
	in, err := engine.Inspect(t.Context(), scope.Name("shop"))
	testkit.OK(t, err)
	recorder := flat.NewRecorder(flat.RecorderConfig{Store: db, Every: 50 * time.Millisecond})
	recorder.Start()
	source := prometheus.New(prometheus.Config{
		Client: client, Engine: engine, Recorder: recorder, Counted: db, Every: 500 * time.Millisecond, Step: time.Second,
	})
	source.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		testkit.OK(t, source.Stop(ctx))
		testkit.OK(t, recorder.Stop(ctx))
	})
	return db, source, in.Key
}

func kept(t *testing.T, db *store.DB, key string) (all flat.Minute) {
	t.Helper()
	list, err := db.ErrorMinutes(t.Context(), key, time.Now().Add(-24*time.Hour), false)
	testkit.OK(t, err)
	for _, m := range list {
		all.Errors, all.Requests, all.Seconds, all.Traffic = all.Errors+m.Errors, all.Requests+m.Requests, all.Seconds+m.Seconds, m.Traffic
	}
	return all
}

func TestErrorsComeFromPrometheusWithThoseOfThePast(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.fail(5)
	client, err := prometheus.NewClient(s.server, "")
	testkit.OK(t, err)
	until(t, "there is a past", func() bool {
		known, err := client.Range(t.Context(), errorsQuery, time.Now().Add(-20*time.Second), time.Now(), time.Second)
		return err == nil && len(known) > 8
	})
	began := time.Now()
	db, _, key := watched(t, client, map[string]string{"snapback.errors.query": errorsQuery, "snapback.errors.requests": requestsQuery})
	until(t, "the past is kept", func() bool { m := kept(t, db, key); return m.Errors > 15 && m.Requests > 150 })
	until(t, "more is kept than has passed", func() bool { return kept(t, db, key).Seconds > time.Since(began).Seconds() })
	before := kept(t, db, key)
	until(t, "what comes is kept", func() bool { return kept(t, db, key).Seconds > before.Seconds+5 })
	after := kept(t, db, key)
	if rate := (after.Errors - before.Errors) / (after.Seconds - before.Seconds); rate < 3 || rate > 7 || !after.Traffic {
		t.Errorf("%.2f errors a second are kept of 5: %+v, %+v", rate, before, after)
	}
	// It has been scraping for seconds only: nothing is known of the 90 minutes that were asked for.
	if after.Seconds > 10*60 {
		t.Errorf("%v seconds are kept, which nobody was scraping", after.Seconds)
	}
}

func TestSeriesThatIsAbsentIsZeroIfTheQueryIsAnswered(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	client, err := prometheus.NewClient(s.server, "")
	testkit.OK(t, err)
	db, _, key := watched(t, client, map[string]string{"snapback.errors.query": `sum(rate(no_such_total[10s])) * 60`})
	until(t, "silence is kept", func() bool { m := kept(t, db, key); return m.Seconds > 3 && m.Errors == 0 })
}

func TestQueryThatIsNotAnsweredIsSaidAndKeepsNothing(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	for name, query := range map[string]string{"no PromQL": "sum(", "no number": `vector(0) / 0`, "text": `"many"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := prometheus.NewClient(s.server, "")
			testkit.OK(t, err)
			db, source, key := watched(t, client, map[string]string{"snapback.errors.query": query})
			until(t, "the problem is said", func() bool { return source.Problem(key) != "" })
			if m := kept(t, db, key); m.Seconds != 0 {
				t.Errorf("%+v is kept", m)
			}
		})
	}
}

// guarded is a proxy before the server that lets nobody in without a header, and sends those away that have another one.
func guarded(t *testing.T, server, want string) string {
	t.Helper()
	to, err := url.Parse(server)
	testkit.OK(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	guard := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != want {
			http.Error(w, "not you, "+got, http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(guard.Close)
	return guard.URL
}

func TestCredentialsOpenAndAreNeverShown(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	byToken, byPassword := guarded(t, s.server, "Bearer t0ps3cret"), guarded(t, s.server, "Basic Ym90OnAvc3MgdzByZA==")
	with := func(address, user string) string { return strings.Replace(address, "://", "://"+user+"@", 1) }
	for _, c := range []struct{ address, token string }{{byToken, "t0ps3cret"}, {with(byPassword, "bot:p%2Fss%20w0rd"), ""}} {
		client, err := prometheus.NewClient(c.address, c.token)
		testkit.OK(t, err)
		if n, err := client.Now(t.Context(), "count(up)"); err != nil || n != 1 {
			t.Errorf("%v: %v", n, err)
		}
	}
	for _, c := range []struct{ address, token string }{
		{byToken, "wr0ngs3cret"}, {with(byToken, "bot:wr0ngs3cret"), ""}, {"http://bot:wr0ngs3cret@127.0.0.1:1", ""}, {"http://127.0.0.1:1", "wr0ngs3cret"},
	} {
		client, err := prometheus.NewClient(c.address, c.token)
		testkit.OK(t, err)
		if _, err := client.Now(t.Context(), "count(up)"); err == nil || strings.Contains(err.Error(), "wr0ngs3cret") || strings.Contains(err.Error(), "Ym90OndyMG5nczNjcmV0") {
			t.Errorf("the error is %v", err)
		}
	}
	if _, err := prometheus.NewClient("http://bot:wr0ngs3cret@[::1", ""); err == nil || strings.Contains(err.Error(), "wr0ngs3cret") {
		t.Errorf("the error is %v", err)
	}
}

func TestCredentialsGoNowhereElse(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header.Get("Authorization") }))
	t.Cleanup(other.Close)
	sends := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(sends.Close)
	client, err := prometheus.NewClient(sends.URL, "t0ps3cret")
	testkit.OK(t, err)
	if _, err := client.Now(t.Context(), "up"); err == nil {
		t.Error("a redirect is taken for an answer")
	}
	if len(asked) > 0 {
		t.Errorf("the other server was sent %q", <-asked)
	}
}
