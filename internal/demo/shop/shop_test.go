package shop_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/demo/shop"
)

// syncBuffer is a log that a test reads while the shop writes it.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// volley sends n requests at once and counts the answers by status.
func volley(t *testing.T, url string, n int) map[int]int {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[int]int{}
	for range n {
		wg.Go(func() {
			resp, err := http.Get(url)
			if err != nil {
				t.Errorf("asking the shop: %v", err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			seen[resp.StatusCode]++
		})
	}
	wg.Wait()
	return seen
}

func TestASmallPoolFailsMostRequestsAndSaysSoInTheLog(t *testing.T) {
	t.Parallel()
	log := &syncBuffer{}
	srv := httptest.NewServer(shop.New(shop.Config{Pool: 2, Log: log}))
	t.Cleanup(srv.Close)
	if got := volley(t, srv.URL, 20); got[200] != 2 || got[500] != 18 {
		t.Errorf("answers by status: %v, want 2 × 200 and 18 × 500", got)
	}
	if line := `level=error msg="pool exhausted" method=GET path=/ status=500 pool=2/2`; strings.Count(log.String(), line) != 18 {
		t.Errorf("want 18 lines with %s in:\n%s", line, log)
	}
}

func TestABigPoolServesAll(t *testing.T) {
	t.Parallel()
	log := &syncBuffer{}
	srv := httptest.NewServer(shop.New(shop.Config{Log: log}))
	t.Cleanup(srv.Close)
	if got := volley(t, srv.URL, 20); got[200] != 20 {
		t.Errorf("answers by status: %v, want 20 × 200", got)
	}
	if strings.Contains(log.String(), "level=error") {
		t.Errorf("errors in the log:\n%s", log)
	}
}

func TestHealthNeedsNoConnection(t *testing.T) {
	t.Parallel()
	s := shop.New(shop.Config{Pool: 1, Query: time.Hour})
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(cancel)
	wg.Go(func() {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	})
	if got := volley(t, srv.URL+"/healthz", 1); got[200] != 1 {
		t.Errorf("health: %v", got)
	}
}

func TestBrowsersGetAPageAndProgramsJSON(t *testing.T) {
	t.Parallel()
	s := shop.New(shop.Config{Version: "1.41", Query: time.Nanosecond})
	for accept, want := range map[string]string{"": `"version":"1.41"`, "text/html": "<h1>Enamel mug</h1>"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), want) || w.Header().Get("X-Shop-Version") != "1.41" {
			t.Errorf("Accept %q: %s %v", accept, w.Body, w.Header())
		}
	}
}

func TestAWrongPoolSizeIsRefusedByName(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"two", "0", "-1", "1001"} {
		err := shop.Run(t.Context(), func(name string) string { return map[string]string{"DB_POOL": v}[name] }, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "DB_POOL") {
			t.Errorf("DB_POOL=%s: %v", v, err)
		}
	}
}

// TestMain lets the test binary be the shop, so that a real process can be signalled.
func TestMain(m *testing.M) {
	if os.Getenv("SHOP_TEST_RUN") == "" {
		os.Exit(m.Run())
	}
	ctx, stop := notify()
	err := shop.Run(ctx, os.Getenv, os.Stdout)
	stop()
	if err != nil {
		os.Exit(1)
	}
}

func TestSIGTERMEndsItAtOnceAndCleanly(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "SHOP_TEST_RUN=1", "SHOP_LISTEN=127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.Contains(lines.Text(), "shop is open") {
		t.Fatalf("first line: %q", lines.Text())
	}
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s to end", took)
	}
}
