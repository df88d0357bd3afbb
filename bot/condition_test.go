package bot_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

func outOfMemory() snapshot.Condition {
	return snapshot.Condition{
		At: at("03:42"), State: "running", ExitCode: 137, OutOfMemory: true, EndedAt: at("03:41"), ByEngine: 40,
		Restarts: snapshot.Restarts{Times: 7, Since: at("02:42")}, Health: "unhealthy", HealthFails: 3, HealthOutput: "GET /health: 503",
		Memory: snapshot.Load{Used: 498 << 20, Limit: 512 << 20, Measured: true}, CPU: snapshot.Load{Used: 0.2, Host: 4, Measured: true},
		Missing: []string{"log: the log driver cannot be read"},
		Lines:   []snapshot.LogLine{{At: at("03:41"), Stderr: true, Text: "<!channel> out of *memory*"}},
	}
}

func TestAlertSaysWhatIsWrongWithTheContainer(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) { w.condition = outOfMemory() })
	text := n.alert(t).String()
	for _, want := range []string{
		"api restarted 7 times in the last hour, last with exit code 137 (out of memory)",
		"Health check failed 3 times in a row: GET /health: 503 · memory 97 % of its limit (498 MiB of 512 MiB)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "CPU") {
		t.Errorf("it tells of what is as it should be:\n%s", text)
	}
}

// Nobody is woken later because the engine ponders.
func TestAlertDoesNotWaitForAContainerThatIsNotExamined(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, w *world) { c.Budget, w.unanswered = 5*time.Second, true })
	begun := time.Now()
	var e *bot.Error
	if err := n.bot.Deliver(t.Context(), 7); !errors.As(err, &e) || !e.Retry || e.Reason != "incomplete" {
		t.Errorf("got %+v, want that it is tried again", err)
	}
	alert := n.shop.ExpectMessage(t, "Checkout error rate")
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	if text := alert.String(); !strings.Contains(text, "How api is could not be looked up") || !strings.Contains(text, "Restore pre-deploy-2255") {
		t.Errorf("it says:\n%s", text)
	}
	n.do(func() { n.unanswered, n.condition = false, outOfMemory() })
	n.deliver(t, 7)
	if text := alert.Now().String(); strings.Contains(text, "could not be looked up") || !strings.Contains(text, "out of memory") {
		t.Errorf("the engine answers, and it says:\n%s", text)
	}
}

// It is not asked for ever how a container is that hangs.
func TestContainerThatHangsIsNotExaminedForEver(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, w *world) { c.Budget, w.unanswered = 5*time.Second, true })
	n.do(func() { n.now = at("03:45") })
	if text := n.alert(t).String(); !strings.Contains(text, "How api is could not be looked up") {
		t.Errorf("it says:\n%s", text)
	}
}

// What a channel may not restore, it may not read.
func TestAlertShowsTheLastErrorsOnlyToThoseWhoMaySeeThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*bot.View)
		shown  bool
	}{
		"all of the channel may":       {func(*bot.View) {}, true},
		"some may":                     {func(v *bot.View) { v.Containers[0].Container.Settings.RestoreAllow.Rule = access.Listed }, false},
		"who is on call may":           {func(v *bot.View) { v.Containers[0].Container.Settings.RestoreAllow.Rule = access.OnCall }, false},
		"they tell of no errors":       {func(v *bot.View) { v.Containers[0].Condition.Ordinary = true }, false},
		"it is restored, and they old": {restoring(restore.Verified, 5), false},
		"the message has no room left": {func(v *bot.View) { v.Containers = slices.Repeat(v.Containers, 30) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, is := theView(), outOfMemory()
			v.Containers[0].Condition = &is
			c.change(&v)
			text := drawn(t, bot.Render(v))
			if got := strings.Contains(text, "Last errors in api's log:\n> 03:41:00 &lt;!channel&gt; out of ∗memory∗"); got != c.shown {
				t.Errorf("got %v:\n%s", got, text)
			}
		})
	}
}

func TestDetailsSayAllThatIsKnownOfTheContainer(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) { w.condition = outOfMemory() })
	n.tap(t, n.ann, n.alert(t).Overflow("Details"))
	text := n.ann.ExpectEphemeral(t, n.shop, "runs shop:1.42").String()
	for _, want := range []string{
		"Ended last at 03:41 with exit code 137 (out of memory)", "Restarted 7 times in the last hour", "Restarted by the engine 40 times",
		"Unhealthy: health check failed 3 times in a row: GET /health: 503", "Memory: 97 % of its limit (498 MiB of 512 MiB)",
		"CPU: 0.20 of the host's 4 CPUs, no limit", "Not to be had: log: the log driver cannot be read",
		"Last errors in its log:\n> 03:41:00 &lt;!channel&gt; out of ∗memory∗",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

func TestDetailsShowALogOnlyToThoseWhoMaySeeIt(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *bot.Config, w *world) {
		w.condition = outOfMemory()
		w.containers[0].Settings.RestoreAllow = access.Allow{Rule: access.Listed, IDs: []string{"U0NOBODY"}}
	})
	n.tap(t, n.ann, n.alert(t).Overflow("Details"))
	text := n.ann.ExpectEphemeral(t, n.shop, "runs shop:1.42").String()
	if strings.Contains(text, "memory∗") || !strings.Contains(text, "Its log is for those who may restore it") {
		t.Errorf("it says:\n%s", text)
	}
	if len(n.entries[7]) == 0 || slices.ContainsFunc(n.entries[7], func(e incidents.Entry) bool { return e.Kind == "refused" }) {
		t.Errorf("looking is no refusal: %v", n.entries[7])
	}
}
