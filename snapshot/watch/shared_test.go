package watch_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot/watch"
)

// logged collects a log.
type logged struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

func TestContainersThatCountAsOneAreLoggedOnce(t *testing.T) {
	k, log := setup(t), &logged{}
	image := k.Server("shop")
	for _, name := range []string{"one", "two"} {
		k.Run(k.Name(name), "--label", "snapback.identity="+k.Name("api"), image)
	}
	k.Watch(func(c *watch.Config) {
		c.ListenEvery, c.Logger = 50*time.Millisecond, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	mine := "snapback.identity=" + k.Name("api") + ", so they count as one"
	k.Until("it is logged", func() bool { return log.count(mine) > 0 })
	listed := 0
	k.Until("more looks have been", func() bool { listed++; return listed > 50 })
	if n := log.count(mine); n > 2 { // once more where the other one has come to be the one that is shown
		t.Errorf("logged %d times", n)
	}
}
