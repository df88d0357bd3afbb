package docker_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/terminal"
)

// TestTerminalReadsALogInAJournal as any other: its end, from a time on, on from a line, and what comes until the container ends.
func TestTerminalReadsALogInAJournal(t *testing.T) {
	t.Parallel()
	scope := enginetest.On(t, enginetest.StartDaemonWithJournal(t).Host())
	engine, err := docker.New(t.Context(), docker.Config{Host: scope.Host(), Only: scope.Only()})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = engine.Close() })
	id := scope.Run(scope.Name("shop"), "--log-driver", "journald", scope.Image("v1", `ENTRYPOINT ["/app"]`))
	say := func(lines ...string) { scope.Docker(append([]string{"exec", id, "/app", "say"}, lines...)...) }
	say("one", "two", "three")
	eyes := engine.Terminal(func(context.Context, string) (string, error) { return id, nil })
	at := map[string]time.Time{}
	read := func(o terminal.LogOptions, see func()) (list []string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		testkit.OK(t, eyes.Logs(ctx, id, o, func(l terminal.LogLine) error {
			list, at[string(l.Text)] = append(list, string(l.Text)), l.At
			see()
			return nil
		}))
		testkit.OK(t, ctx.Err())
		return list
	}
	once := func(o terminal.LogOptions) []string {
		t.Helper()
		o.Once = true
		return read(o, func() {})
	}
	wants := func(what string, want, got []string) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	testkit.Eventually(t, "what it has said in the journal", func() bool { return len(once(terminal.LogOptions{Tail: 3})) == 3 })
	wants("its last lines", []string{"one", "two", "three"}, once(terminal.LogOptions{Tail: 3}))
	wants("its very last", []string{"two", "three"}, once(terminal.LogOptions{Tail: 2}))
	wants("from a time on", []string{"two", "three"}, once(terminal.LogOptions{Since: at["two"]}))
	wants("on from its last line", nil, once(terminal.LogOptions{Since: at["three"].Add(time.Nanosecond)}))
	seen := 0
	wants("what comes", []string{"three", "four"}, read(terminal.LogOptions{Tail: 1}, func() {
		switch seen++; seen {
		case 1:
			say("four")
		case 2:
			scope.Docker("stop", "--time", "1", id)
		}
	}))
}
