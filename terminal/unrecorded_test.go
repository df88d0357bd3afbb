package terminal_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/terminal"
)

// soonEnded has a shell end that can't be recorded for three seconds.
func soonEnded(c *terminal.Config) { c.Unrecorded = 3 * time.Second }

// forLong is how long output may wait in a test in which it never waits for too long.
func forLong(c *terminal.Config) { c.Unrecorded = time.Hour }

// TestAShellOutlivesADatabaseThatIsAway holds its output, says so, gives back what is typed, and goes on.
func TestAShellOutlivesADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	away := terminal.ErrStoreAway
	for name, is := range map[string]func(n *night, away bool){
		"it refuses": func(n *night, yes bool) {
			if n.store.failing.Store(nil); yes {
				n.store.failing.Store(&away)
			}
		},
		"it hangs": func(n *night, yes bool) { n.store.hangs.Store(yes) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, forLong)
			b := n.shell()
			is(n, true)
			b.typeIn("echo wai''ted; sleep 1000\n")
			within(t, time.Minute, "it is said", func() bool { return strings.Contains(b.message(), "output waits") })
			b.wantRefused("Output waits for the database.")
			b.typeIn("\x03")
			b.taken(b.number)
			if b.saw("waited") {
				t.Error("it was shown before it was recorded")
			}
			is(n, false)
			within(t, time.Minute, "it is shown", func() bool { return b.saw("waited") })
			within(t, time.Minute, "nothing is said any more", func() bool { return b.message() == "" })
			b.typeIn("echo go''es on\n")
			within(t, time.Minute, "the shell goes on", func() bool { return b.saw("goes on") })
			cast := n.recording()
			shown := wantAsciicast(t, cast)
			if strings.Count(shown, "waited") != 1 || strings.Index(shown, "waited") > strings.Index(shown, "goes on") || strings.Contains(shown, "wrong") {
				t.Errorf("the recording is\n%s", cast)
			}
		})
	}
}

// TestAFullRecordingWaitsForItsTimeline has the timeline away when it is to be told that the recording ends.
func TestAFullRecordingWaitsForItsTimeline(t *testing.T) {
	t.Parallel()
	n := setup(t, forLong, func(c *terminal.Config) { c.MaxRecording = 100_000 })
	b := n.shell()
	n.timeline.fail(errors.New("away"))
	b.typeIn("head -c 40000 /dev/zero | od -v; echo go''es on\n")
	within(t, time.Minute, "it is said", func() bool { return strings.Contains(b.message(), "output waits") })
	n.timeline.fail(nil)
	within(t, time.Minute, "the shell goes on", func() bool { return b.saw("goes on") })
	within(t, time.Minute, "the person is told", func() bool { return strings.Contains(b.message(), "The recording has reached its largest size") })
}

// TestThatOutputWaitsIsSaidOnThePages of who types, whose typing is given back, and of who watches.
func TestThatOutputWaitsIsSaidOnThePages(t *testing.T) {
	t.Parallel()
	n := setup(t, forLong)
	a, b := newPhone(t), newPhone(t)
	n.atPrompt(a)
	n.openFor(b, tom)
	b.wait("the shell is offered", "#others", "Ada Example has a shell here")
	b.tap("#others button")
	b.wait("it is watched", "#crowd-who", "Ada Example types")
	away := terminal.ErrStoreAway
	n.store.failing.Store(&away)
	a.typeIn("echo wai''ted")
	for _, p := range []*phone{a, b} {
		p.yes("it is said", `banners.some(b => b.text.includes('output waits'))`)
	}
	a.typeIn("x")
	a.wait("typing is given back", "#held-words", "Output waits for the database. Not sent:")
	a.wantAccessible("output waits")
	n.store.failing.Store(nil)
	for _, p := range []*phone{a, b} {
		p.yes("it is over", `document.querySelector('#banner').hidden`)
		p.wait("what has waited is shown", ".xterm-rows", "wai''ted")
	}
}
