package terminal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/terminal"
)

// count is how often a browser was sent a notice.
func (b *browser) count(notice string) (times int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.notices {
		if n == notice {
			times++
		}
	}
	return times
}

// TestOwnAndWatchedOutputNeverMix has somebody watch who has a shell as well, and go back to it.
func TestOwnAndWatchedOutputNeverMix(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a, b := n.shell(), n.beside(tom)
	b.startShell()
	b.typeIn("echo of-to''m\n")
	within(t, time.Minute, "its own shell answers", func() bool { return b.saw("of-tom") })
	own := b.runs()
	b.watch()
	a.typeIn("echo of-ad''a\n")
	within(t, time.Minute, "what is watched is there", func() bool { return b.saw("of-ada") })
	b.say(`{"type":"unwatch"}`)
	within(t, time.Minute, "it watches no more", func() bool { return b.watchesWhom() == "" })
	b.mu.Lock()
	b.run, b.by, b.number = own, b.by+".1", 0 // under another name, a page counts anew
	b.mu.Unlock()
	a.typeIn("echo of-ada-aga''in\n")
	within(t, time.Minute, "the other goes on", func() bool { return a.saw("of-ada-again") })
	b.typeIn("echo of-tom-aga''in\n")
	within(t, time.Minute, "its own shell is shown again", func() bool { return b.saw("of-tom-again") })
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.strays > 0 || strings.Contains(b.own.String(), "of-ada") || strings.Contains(b.theirs.String(), "of-tom") || strings.Contains(b.theirs.String(), "of-ada-again") {
		t.Errorf("%d strays; its own:\n%s\nwatched:\n%s", b.strays, b.own.String(), b.theirs.String())
	}
}

// TestTheEndOfAWatchedShellIsToldOnce waits for something that is sent after it.
func TestTheEndOfAWatchedShellIsToldOnce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a, b := n.shell(), n.beside(tom)
	b.watch()
	first := a.runs()
	a.typeIn("exit\n")
	within(t, time.Minute, "it is told", func() bool { return b.noticed("Ada Example's shell has ended.") })
	within(t, time.Minute, "it is over", func() bool { return a.shellIs("ended") })
	a.startShell()
	within(t, time.Minute, "another is offered", func() bool { o := b.invited(); return len(o) == 1 && o[0].Run != first })
	if ended, without := b.count("Ada Example's shell has ended."), b.count(""); ended != 1 || without != 0 {
		t.Errorf("told %d times, and %d times without words", ended, without)
	}
}

// TestAHolderWhoWatchesComesBack has the keyboard of another's shell, and a tunnel in which half a minute goes by and the phone is turned.
func TestAHolderWhoWatchesComesBack(t *testing.T) {
	t.Parallel()
	n, line := behind(t, func(c *terminal.Config) { c.Away = time.Hour })
	a, p := n.shell(), newPhone(t)
	n.openFor(p, tom)
	p.tap("#others button")
	p.wait("it watches", "#crowd-who", "Ada Example types · you watch")
	a.say(`{"type":"give","whom":1}`)
	p.wait("it has the keyboard", "#crowd-who", "You type")
	p.tapShell()
	p.typeIn("echo fi''rst\n")
	p.wait("it types", ".xterm-rows", "first")
	line.hole(true)
	p.yes("there is no contact", `!`+contact)
	p.typeIn("echo o''ld\n")
	p.wait("it is held", "#held-text", "echo o''ld")
	p.do(chromedp.Evaluate[chromedp.Void](`(now => Date.now = () => now() + 31000)(Date.now.bind(Date)); typed.length = 0; sent.length = 0; 0`))
	p.size(844, 390)
	line.hole(false)
	p.yes("there is contact again", contact)
	p.wait("it is given back", "#held-words", "Typed while there was no contact, and not sent:")
	p.yes("the size is told after the shell was asked for", `sent.lastIndexOf('resize') > sent.indexOf('watch')`)
	if sent := ask(p, chromedp.Evaluate[string](`typed.join('')`)); sent != "" {
		t.Errorf("it was sent unasked: %q", sent)
	}
	p.tap("#held-send")
	p.wait("a tap sends it", ".xterm-rows", "old")
	if got := strings.Count(wantAsciicast(t, n.recording()), "old\r\n"); got != 1 {
		t.Errorf("it ran %d times", got)
	}
	p.wantQuiet()
}

// TestNamesLeaveTheTerminalRoom has eight people to choose from, one with a name of 200 characters.
func TestNamesLeaveTheTerminalRoom(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.PerContainer = 20 })
	p := newPhone(t)
	n.openFor(p, ada)
	p.tap("#tab-shell")
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	for i := range 8 {
		name := fmt.Sprintf("Example Person %d", i)
		if i == 3 {
			name += strings.Repeat(" Longname", 20)
		}
		n.beside(person(fmt.Sprintf("U%d", i+10), name)).watch()
	}
	p.wait("all are there", "#crowd-who", "Example Person 7")
	p.act("Hand over")
	p.yes("all can be chosen", `document.querySelectorAll('#crowd-acts [data-for]').length === 8`)
	p.size(320, 568)
	p.yes("the page has taken the size", `innerWidth === 320 && document.querySelector('#crowd').offsetWidth === 320`)
	if high := ask(p, chromedp.Evaluate[int](`document.querySelector('#crowd').offsetHeight`)); high > 180 {
		t.Errorf("the names are %d px high", high)
	}
	p.yes("there is room for lines", rows+` >= 6`)
	p.yes("the last name is in reach", `(b => { b.scrollIntoView(); const r = b.getBoundingClientRect(); return b.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2)); })([...document.querySelectorAll('#crowd-acts [data-for]')].at(-1))`)
	p.picture("together-eight")
	p.wantQuiet()
}

// TestAPhoneReadsWhyAWatchedShellEnded looks at how long it says so: six seconds, from before the page has drawn all else.
func TestAPhoneReadsWhyAWatchedShellEnded(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a, p := n.shell(), newPhone(t)
	n.openFor(p, tom)
	p.tap("#others button")
	p.wait("it watches", "#crowd-who", "Ada Example types · you watch")
	a.typeIn("exit\n")
	p.wantTold("Ada Example's shell has ended.")
	said := `banners.findIndex(b => b.text === "Ada Example's shell has ended.")`
	p.yes("it goes by itself", `banners[`+said+` + 1]`)
	if stood := ask(p, chromedp.Evaluate[float64](`(i => banners[i + 1].at - banners[i].at)(`+said+`)`)); stood < 4000 {
		t.Errorf("it stood for %v ms", stood)
	}
	p.wantQuiet()
}
