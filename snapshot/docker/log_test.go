package docker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot"
)

// readAll reads what a container has written so far.
func readAll(t *testing.T, s *enginetest.Scope, id string, ask snapshot.LogAsk) (out, errs []string, times []time.Time) {
	t.Helper()
	_, err := s.Engine().ReadLog(t.Context(), id, ask, func(l snapshot.RawLine) error {
		if l.Stderr {
			errs = append(errs, string(l.Text))
		} else {
			out = append(out, string(l.Text))
		}
		times = append(times, l.At)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, errs, times
}

// written is how many lines the engine has by now: it writes them a moment after they were said.
func written(t *testing.T, s *enginetest.Scope, id string, lines int) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for tick := time.Tick(20 * time.Millisecond); ; <-tick {
		if out, errs, _ := readAll(t, s, id, snapshot.LogAsk{Last: 100}); len(out)+len(errs) >= lines {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the engine does not have %d lines", lines)
		}
	}
}

func TestLogIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image, long := s.Image("v1", `ENTRYPOINT ["/app"]`), strings.Repeat("0123456789abcdef", 3<<10) // 48 KiB
	for name, flags := range map[string][]string{"frames": nil, "terminal": {"--tty"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := s.Run(s.Name(name), append(flags, image, "serve", "-addr=")...)
			s.Docker("exec", id, "/app", "say", "one", "2:two", long, "three")
			written(t, s, id, 5)
			out, errs, times := readAll(t, s, id, snapshot.LogAsk{Last: 100})
			if all := append(out[1:], errs...); name == "frames" {
				if diff := cmp.Diff([]string{"one", long[:len(all[1])], "three", "two"}, all); diff != "" {
					t.Error(diff)
				}
				if len(all[1]) < 16<<10-1 {
					t.Errorf("%d bytes of a long line are handed over", len(all[1]))
				}
			} else if len(out) != 5 || out[1] != "one" || out[2] != "two" || out[4] != "three" || !strings.HasPrefix(out[3], long[:16<<10]) {
				t.Errorf("%d lines: %.2000q", len(out), out)
			}
			for _, at := range times {
				if since := time.Since(at); since < -time.Second || since > 5*time.Minute {
					t.Errorf("a line was written %v ago", since)
				}
			}
		})
	}
}

func TestLogIsReadFromAMomentOn(t *testing.T) {
	t.Parallel()
	s, _, id := setup(t)
	s.Docker("exec", id, "/app", "say", "one", "two", "three")
	written(t, s, id, 4)
	_, _, times := readAll(t, s, id, snapshot.LogAsk{Last: 100})
	if out, _, _ := readAll(t, s, id, snapshot.LogAsk{Last: 100, Since: times[2].Add(1)}); !cmp.Equal(out, []string{"three"}) {
		t.Errorf("after the second: %q", out)
	}
	if out, _, _ := readAll(t, s, id, snapshot.LogAsk{Last: 2}); !cmp.Equal(out, []string{"two", "three"}) {
		t.Errorf("the last two: %q", out)
	}
}

func TestLogIsFollowedUntilTheContainerStops(t *testing.T) {
	t.Parallel()
	s, _, id := setup(t)
	got, ended := make(chan string, 100), make(chan error, 1)
	go func() {
		_, err := s.Engine().ReadLog(t.Context(), id, snapshot.LogAsk{Last: 100, Follow: true}, func(l snapshot.RawLine) error { got <- string(l.Text); return nil })
		ended <- err
	}()
	<-got // the first line, which the container begins with
	s.Docker("exec", id, "/app", "say", "one")
	if line := <-got; line != "one" {
		t.Errorf("got %q", line)
	}
	s.Docker("kill", id)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestReadingALogEndsAsItIsTold(t *testing.T) {
	t.Parallel()
	s, _, id := setup(t)
	boom := errors.New("boom")
	if _, err := s.Engine().ReadLog(t.Context(), id, snapshot.LogAsk{Last: 1, Follow: true}, func(snapshot.RawLine) error { return boom }); err != boom {
		t.Errorf("the reader's own error became %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := s.Engine().ReadLog(ctx, id, snapshot.LogAsk{Last: 1, Follow: true}, func(snapshot.RawLine) error { cancel(boom); return nil })
	if !errors.Is(err, boom) {
		t.Errorf("after the end of the context: %v", err)
	}
}

func TestLogOfADriverThatKeepsNoneCannotBeRead(t *testing.T) {
	t.Parallel()
	s, _, id := setup(t, "--log-driver", "none")
	_, err := s.Engine().ReadLog(t.Context(), id, snapshot.LogAsk{Last: 1}, func(snapshot.RawLine) error { return nil })
	if !errors.Is(err, snapshot.ErrLogUnreadable) || !strings.Contains(err.Error(), "log driver none") {
		t.Errorf("got %v", err)
	}
}

func TestLogOfOthersIsNotRead(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	id := s.Docker("run", "--detach", "--name", s.Name("foreign"), s.Image("v1", `ENTRYPOINT ["/app"]`))
	_, err := s.Engine().ReadLog(t.Context(), id, snapshot.LogAsk{Last: 1}, func(snapshot.RawLine) error { t.Error("a line is handed over"); return nil })
	if !errors.Is(err, snapshot.ErrNotEnabled) {
		t.Errorf("got %v", err)
	}
}

// TestAFollowedLogIsAskedAboutWithoutAnotherLook keeps hundreds of questions a minute at one call each.
func TestAFollowedLogIsAskedAboutWithoutAnotherLook(t *testing.T) {
	t.Parallel()
	e, p, id, _ := hangs(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	begun, ended := make(chan struct{}, 1), make(chan error, 1)
	following, stop := context.WithCancelCause(ctx)
	go func() {
		_, err := e.ReadLog(following, id, snapshot.LogAsk{Last: 1, Follow: true}, func(snapshot.RawLine) error { begun <- struct{}{}; return nil })
		ended <- err
	}()
	<-begun
	p.Silence(id)
	lines := 0
	if _, err := e.ReadLog(ctx, id, snapshot.LogAsk{Last: 1}, func(snapshot.RawLine) error { lines++; return nil }); err != nil || lines != 1 {
		t.Errorf("%d lines, %v", lines, err)
	}
	over := errors.New("over")
	stop(over)
	if err := <-ended; !errors.Is(err, over) {
		t.Errorf("following ended with %v", err)
	}
	limited, end := context.WithTimeout(ctx, time.Second)
	defer end()
	if _, err := e.ReadLog(limited, id, snapshot.LogAsk{Last: 1}, func(snapshot.RawLine) error { return nil }); err == nil {
		t.Error("nobody follows it any more, and it was read without another look")
	}
}
