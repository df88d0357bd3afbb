package logtail_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/store"
)

// night is a bot that counts errors of one test's containers.
type night struct {
	t        testing.TB
	scope    *enginetest.Scope
	engine   *docker.Engine
	db       *store.DB
	recorder *flat.Recorder
	follower *logtail.Follower
}

func setup(t testing.TB) *night {
	t.Helper()
	return &night{t: t, scope: enginetest.New(t), db: storetest.New(t)}
}

// start begins to count, as a bot does that starts.
func (n *night) start(change ...func(*logtail.Config)) {
	n.t.Helper()
	engine, err := docker.New(n.t.Context(), docker.Config{Host: n.scope.Host(), Only: n.scope.Only()})
	testkit.OK(n.t, err)
	n.t.Cleanup(func() { _ = engine.Close() })
	n.engine = engine
	n.recorder = flat.NewRecorder(flat.RecorderConfig{Store: n.db, Every: 50 * time.Millisecond})
	n.recorder.Start()
	c := logtail.Config{Engine: engine, Recorder: n.recorder, Counted: n.db, Every: 100 * time.Millisecond, Look: 100 * time.Millisecond}
	for _, f := range change {
		f(&c)
	}
	n.follower = logtail.New(c)
	n.follower.Start()
	n.t.Cleanup(n.stop)
}

func (n *night) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	testkit.OK(n.t, n.follower.Stop(ctx))
	testkit.OK(n.t, n.recorder.Stop(ctx))
}

func (n *night) key(name string) string {
	n.t.Helper()
	in, err := n.scope.Engine().Inspect(n.t.Context(), n.scope.Name(name))
	testkit.OK(n.t, err)
	return in.Key
}

func (n *night) say(name string, lines ...string) {
	n.t.Helper()
	n.scope.Docker(append([]string{"exec", n.scope.Name(name), "/app", "say"}, lines...)...)
}

// sum adds up what is kept of a container.
func (n *night) sum(key string) (all flat.Minute) {
	n.t.Helper()
	list, err := n.db.ErrorMinutes(n.t.Context(), key, time.Now().Add(-24*time.Hour), false)
	testkit.OK(n.t, err)
	for _, m := range list {
		all.Errors, all.Requests, all.Seconds = all.Errors+m.Errors, all.Requests+m.Requests, all.Seconds+m.Seconds
	}
	return all
}

// until waits for what is kept of a container.
func (n *night) until(key, what string, is func(flat.Minute) bool) {
	n.t.Helper()
	end := time.Now().Add(2 * time.Minute)
	for tick := time.Tick(50 * time.Millisecond); ; <-tick {
		all := n.sum(key)
		if is(all) {
			return
		}
		if time.Now().After(end) {
			n.t.Fatalf("waiting for %s: %+v", what, all)
		}
	}
}

func errorsAre(want float64) func(flat.Minute) bool {
	return func(m flat.Minute) bool { return near(m.Errors, want) }
}

// near forgives what sharing out over steps of time rounds off.
func near(got, want float64) bool { return got > want-0.01 && got < want+0.01 }

func TestErrorsAreCountedAsTheyComeAndFromThePast(t *testing.T) {
	t.Parallel()
	n := setup(t)
	image := n.scope.Image("v1", `ENTRYPOINT ["/app"]`)
	n.scope.Run(n.scope.Name("shop"), image)
	key := n.key("shop")
	n.say("shop", "level=error msg=one", "2:level=error msg=two", "level=info status=200")
	n.start()
	n.until(key, "the past", func(m flat.Minute) bool { return near(m.Errors, 2) && near(m.Requests, 1) })
	n.say("shop", "level=error msg=three", `{"level":"info","status":503}`)
	n.until(key, "what comes", func(m flat.Minute) bool { return near(m.Errors, 4) && near(m.Requests, 2) })
}

func TestSilenceIsKnowledge(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.scope.Run(n.scope.Name("shop"), n.scope.Image("v1", `ENTRYPOINT ["/app"]`), "serve")
	key := n.key("shop")
	n.start()
	n.until(key, "seconds without a line", func(m flat.Minute) bool { return m.Seconds > 3 && m.Errors == 0 })
}

func TestCountingGoesOnWithTheNextContainer(t *testing.T) {
	t.Parallel()
	n := setup(t)
	image := n.scope.Image("v1", `ENTRYPOINT ["/app"]`)
	n.scope.Run(n.scope.Name("shop"), image)
	key := n.key("shop")
	n.start()
	n.say("shop", "level=error msg=one")
	n.until(key, "the first", errorsAre(1))
	n.scope.Docker("rm", "-f", n.scope.Name("shop"))
	n.scope.Run(n.scope.Name("shop"), image)
	n.say("shop", "level=error msg=two")
	n.until(key, "the second", errorsAre(2))
}

func TestNothingIsCountedTwiceByABotThatStartsAgain(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.scope.Run(n.scope.Name("shop"), n.scope.Image("v1", `ENTRYPOINT ["/app"]`))
	key := n.key("shop")
	n.start()
	n.say("shop", "level=error msg=one")
	n.until(key, "the first", errorsAre(1))
	n.stop()
	n.say("shop", "level=error msg=two")
	n.start()
	n.until(key, "what came meanwhile", errorsAre(2))
	n.say("shop", "level=error msg=three")
	n.until(key, "what comes", errorsAre(3))
}

// TestTwoBotsCountOnce has them tell as often as bots do: a line that one reads before a count is told and the other one after it may be
// missed or be counted twice, so there must not be many such moments.
func TestTwoBotsCountOnce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.scope.Run(n.scope.Name("shop"), n.scope.Image("v1", `ENTRYPOINT ["/app"]`))
	key := n.key("shop")
	asBots := func(c *logtail.Config) { c.Every = 0 }
	n.start(asBots)
	other := *n
	other.start(asBots)
	for range 5 {
		n.say("shop", "level=error msg=boom")
	}
	before := n.sum(key).Seconds
	n.until(key, "ten seconds more", func(m flat.Minute) bool { return m.Seconds > before+10 })
	if got := n.sum(key).Errors; got < 4 || got > 6 {
		t.Errorf("%f errors are counted of five", got)
	}
}

func TestLogOfATerminalIsCounted(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.scope.Run(n.scope.Name("shop"), "--tty", n.scope.Image("v1", `ENTRYPOINT ["/app"]`))
	key := n.key("shop")
	n.start()
	n.say("shop", "\x1b[31mERRO\x1b[0m[0001] boom", "INFO[0001] fine")
	n.until(key, "the error", errorsAre(1))
}

// remote is a log driver that sends all away; nobody has to be there to take it. Since 20.10, the engine keeps some of it for itself,
// unless that is turned off.
var remote = []string{"--log-driver", "syslog", "--log-opt", "syslog-address=udp://127.0.0.1:9"}

func TestLogsOfOtherDriversAreCounted(t *testing.T) {
	for name, driver := range map[string][]string{"local": {"--log-driver", "local"}, "syslog": remote} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setup(t).countsEach(driver)
		})
	}
}

// TestLogsInAJournalAreCounted: its times are no finer than a millionth of a second.
func TestLogsInAJournalAreCounted(t *testing.T) {
	t.Parallel()
	daemon := enginetest.StartDaemonWithJournal(t)
	n := &night{t: t, scope: enginetest.On(t, daemon.Host()), db: storetest.New(t)}
	n.countsEach([]string{"--log-driver", "journald"})
	before := n.sum(n.key("shop")).Seconds
	n.until(n.key("shop"), "silence", func(m flat.Minute) bool { return m.Seconds > before+2 && near(m.Errors, 4) })
}

// countsEach has errors of the past, of what comes, and of the time for which a bot was away counted, each once.
func (n *night) countsEach(driver []string) {
	n.t.Helper()
	n.scope.Run(n.scope.Name("shop"), append(driver, n.scope.Image("v1", `ENTRYPOINT ["/app"]`))...)
	key := n.key("shop")
	n.say("shop", "level=error msg=early", "2:level=error msg=early, on the other", "level=info msg=fine")
	n.start()
	n.until(key, "the past", errorsAre(2))
	n.say("shop", "level=error msg=late")
	n.until(key, "what comes", errorsAre(3))
	n.stop()
	n.say("shop", "level=error msg=meanwhile")
	n.start()
	n.until(key, "what came meanwhile", errorsAre(4))
}

func TestLogThatCannotBeReadIsSaid(t *testing.T) {
	for name, driver := range map[string][]string{"none": {"--log-driver", "none"}, "syslog": append(remote, "--log-opt", "cache-disabled=true")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unreadable(t, name, driver)
		})
	}
}

func unreadable(t *testing.T, name string, driver []string) {
	n := setup(t)
	n.scope.Run(n.scope.Name("shop"), append(driver, n.scope.Image("v1", `ENTRYPOINT ["/app"]`))...)
	key := n.key("shop")
	n.start()
	end := time.Now().Add(time.Minute)
	for tick := time.Tick(50 * time.Millisecond); ; <-tick {
		if s, ok := n.follower.State(key); ok && s.Problem != "" {
			if want := "the log can't be read: the log driver " + name + " does not keep it where the engine can read it"; s.Problem != want {
				t.Errorf("it says %q", s.Problem)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing is said")
		}
	}
	if all := n.sum(key); all.Seconds != 0 {
		t.Errorf("what nobody reads is taken for silent: %+v", all)
	}
}

func TestTooMuchIsReadInSamplesThatStandForTheWhole(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.scope.Run(n.scope.Name("shop"), "--log-opt", "max-size=10m", n.scope.Image("flood", `ENTRYPOINT ["/app"]`), "flood", "1000", "level=info msg=fine", "level=error msg=boom")
	key := n.key("shop")
	n.start(func(c *logtail.Config) { c.Budget = 50 })
	n.until(key, "three samples", func(m flat.Minute) bool { s, _ := n.follower.State(key); return s.Share < 0.5 && m.Seconds > 25 })
	list, err := n.db.ErrorMinutes(t.Context(), key, time.Now().Add(-24*time.Hour), false)
	testkit.OK(t, err)
	var failed, exposure float64
	for _, m := range list {
		failed, exposure = failed+m.Errors, exposure+m.Exposure()
	}
	if perSecond := failed / exposure; perSecond < 100 || perSecond > 750 {
		t.Errorf("%.0f errors a second are reckoned, of 500: %+v", perSecond, list)
	}
}

func TestErrorsOfACrashLoopCount(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.scope.Run(n.scope.Name("shop"), "--restart", "always", n.scope.Image("v1", `ENTRYPOINT ["/app"]`), "crash", "panic: boom")
	key := n.key("shop")
	n.start()
	n.until(key, "several ends", func(m flat.Minute) bool { return m.Errors >= 4 })
	n.scope.Docker("stop", n.scope.Name("shop"))
	restarts := n.scope.Docker("inspect", "--format", "{{.RestartCount}}", n.scope.Name("shop"))
	ends, err := strconv.ParseFloat(restarts, 64)
	testkit.OK(t, err)
	if got := n.sum(key).Errors; got > ends+1.01 {
		t.Errorf("%v errors are counted of %v ends", got, ends+1)
	}
}

// What was counted before the engine went away is not counted again, and counting goes on with what it starts again.
func TestCountsGoOnAfterTheEngineWasRestarted(t *testing.T) {
	for name, again := range map[string]func(*enginetest.Daemon){"restarted": (*enginetest.Daemon).Restart, "crashed": (*enginetest.Daemon).Crash} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			daemon := enginetest.StartDaemon(t)
			n := &night{t: t, scope: enginetest.On(t, daemon.Host()), db: storetest.New(t)}
			image := n.scope.Image("v1", `ENTRYPOINT ["/app"]`)
			begun := time.Now() // what it took before is not to be counted
			n.scope.Run(n.scope.Name("shop"), "--restart", "always", image, "serve")
			n.start()
			key := n.key("shop")
			n.say("shop", "level=error msg=one", "level=error msg=two")
			n.until(key, "the errors before", errorsAre(2))
			away := time.Now()
			before := n.sum(key).Seconds
			again(daemon)
			n.runsAgain("shop", away)
			n.say("shop", "level=error msg=three")
			n.until(key, "the error afterwards", errorsAre(3))
			n.until(key, "time that goes on", func(m flat.Minute) bool { return m.Seconds > before+2 })
			if all := n.sum(key); !near(all.Errors, 3) || all.Seconds > time.Since(begun).Seconds()+1 {
				t.Errorf("of 3 errors, and %v in all, this is counted: %+v, after %.1f s before", time.Since(begun), all, before)
			}
		})
	}
}

// runsAgain waits until a container has been started again.
func (n *night) runsAgain(name string, after time.Time) {
	n.t.Helper()
	end := time.Now().Add(2 * time.Minute)
	for tick := time.Tick(50 * time.Millisecond); time.Now().Before(end); <-tick {
		state, err := n.scope.Try("inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", n.scope.Name(name))
		running, at, _ := strings.Cut(strings.TrimSpace(state), " ")
		if began, _ := time.Parse(time.RFC3339Nano, at); err == nil && running == "true" && began.After(after) {
			return
		}
	}
	n.t.Fatalf("%s does not run again", name)
}
