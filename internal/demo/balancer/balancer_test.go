package balancer_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/demo/balancer"
)

// setup runs a balancer before what tasks says, until the test ends, and returns its URL.
func setup(t *testing.T, tasks func() []string) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := balancer.New(balancer.Config{
		Addresses: func(context.Context) ([]string, error) { return tasks(), nil },
		Dial:      (&net.Dialer{}).DialContext,
	})
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.Run(ctx, l) })
	t.Cleanup(wg.Wait)
	t.Cleanup(stop)
	return "http://" + l.Addr().String()
}

// task is a server that answers with its name, and its address.
func task(t *testing.T, name string) (address string, end func()) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String(), srv.Close
}

// ask is who answers; "" is nobody.
func ask(url string) string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	resp, err := client.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

// await asks until that one answers.
func await(t *testing.T, url, who string) {
	t.Helper()
	tick, deadline := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for ask(url) != who {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%q does not answer", who)
		}
	}
}

func TestEachTaskHasItsTurnAndOneThatIsGoneHasNone(t *testing.T) {
	t.Parallel()
	first, end := task(t, "first")
	second, _ := task(t, "second")
	url := setup(t, func() []string { return []string{first, second} })
	await(t, url, "first")
	if got := []string{ask(url), ask(url)}; !slices.Equal(got, []string{"second", "first"}) {
		t.Errorf("in turn: %v", got)
	}
	end()
	for range 4 {
		if got := ask(url); got != "second" {
			t.Errorf("with one gone, %q answers", got)
		}
	}
}

func TestTasksThatComeAreFoundAndWithoutOneNobodyAnswers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var tasks []string
	url := setup(t, func() []string { mu.Lock(); defer mu.Unlock(); return tasks })
	if got := ask(url); got != "" {
		t.Errorf("without a task, %q answers", got)
	}
	only, _ := task(t, "only")
	mu.Lock()
	tasks = []string{only}
	mu.Unlock()
	await(t, url, "only")
}
