package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// lineOn is one on a terminal with so many columns; 0: on none.
func lineOn(out *strings.Builder, columns int) *liveLine {
	if columns == 0 {
		return &liveLine{out: out}
	}
	return &liveLine{out: out, width: func() int { return columns }}
}

func TestWhatTakesLongSaysForHowLong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		took    time.Duration
		columns int
		want    string
	}{
		{9 * time.Second, 0, ""},
		{25 * time.Second, 0, "  keeping api … 10s, 1 of 2\n  keeping api … 20s, 1 of 2\n"},
		{time.Second, 80, ""},
		{5 * time.Second, 80, "\r  keeping api … 2s, 1 of 2\x1b[K\r  keeping api … 4s, 1 of 2\x1b[K\r\x1b[K"},
		{3 * time.Second, 20, "\r  keeping api … 2s…\x1b[K\r\x1b[K"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			more := func(context.Context) string { return ", 1 of 2" }
			tellMeanwhile(t.Context(), lineOn(&out, c.columns), "keeping api", more, func() { time.Sleep(c.took) })
			if out.String() != c.want {
				t.Errorf("after %s on %d columns: %q, want %q", c.took, c.columns, out.String(), c.want)
			}
		})
	}
}

// TestAnAnswerIsNotKeptWaiting by a bot that does not say how far it is.
func TestAnAnswerIsNotKeptWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		began := time.Now()
		silent := func(ctx context.Context) string { <-ctx.Done(); return "" }
		tellMeanwhile(t.Context(), lineOn(&out, 0), "keeping api", silent, func() { time.Sleep(12 * time.Second) })
		if took := time.Since(began); took != 12*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestAPhaseThatTakesLongSaysForHowLong(t *testing.T) {
	t.Parallel()
	const far = ", filling volume 2 of 3, /data[2J: 412.0 MB of 1.2 GB"
	for _, c := range []struct {
		seconds, columns int
		want             string
	}{
		{15, 0, "  swapping …\n  swapping … 10s" + far + "\n  swapping    15000 ms\n"},
		{3, 99, "\r  swapping …\x1b[K\r  swapping … 2s" + far + "\x1b[K\r\x1b[K  swapping     3000 ms\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			p := &phasePrinter{line: lineOn(&out, c.columns)}
			is := wire.Restore{State: restore.Swapping}
			for range c.seconds * int(time.Second/pollEvery) {
				p.print(is)
				is.Progress = &snapshot.Progress{Doing: snapshot.FillingVolume, Volume: 2, Of: 3, Path: "/data\x1b[2J", Bytes: 412e6, Total: 12e8}
				time.Sleep(pollEvery)
			}
			p.print(wire.Restore{State: restore.Verified, Phases: []restore.Phase{{State: restore.Swapping, Ms: int64(c.seconds) * 1000}}})
			if out.String() != c.want {
				t.Errorf("%q, want %q", out.String(), c.want)
			}
		})
	}
}

// TestABotThatRefusesToSayHowFarItIsIsNotAskedAgain, since refusals are counted.
func TestABotThatRefusesToSayHowFarItIsIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	var asked, status atomic.Int32
	status.Store(http.StatusOK)
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if code := int(status.Load()); code != http.StatusOK {
			answer(t, w, code, wire.Problem{Status: code, Code: "forbidden"})
			return
		}
		answer(t, w, http.StatusOK, wire.Container{Archiving: &snapshot.Progress{Doing: snapshot.ArchivingVolume, Volume: 1, Of: 2, Path: "/data", Bytes: 5000}})
	}))
	defer bot.Close()
	c, err := client.New(bot.URL, "token")
	testkit.OK(t, err)
	more := archivingOf(c, "api")
	if got := more(t.Context()); got != ", archiving volume 1 of 2, /data: 5.0 kB so far" {
		t.Errorf("it says %q", got)
	}
	status.Store(http.StatusForbidden)
	for range 3 {
		if got := more(t.Context()); got != "" {
			t.Errorf("a bot that refuses says %q", got)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("it was asked %d times, want no more after the refusal", n)
	}
}
