package terminal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/terminal"
)

// questions are what programs ask terminals: where the cursor is, what it is and can do, its colours, a mode, a setting, and
// whether it has the focus.
const questions = `\033[6n\033[?6n\033[5n\033[c\033[>c\033[=c\033]10;?\007\033]11;?\007\033]4;1;?\007\033[?2004$p\033[4$p\033P$qm\033\134\033[?1004h\033[?1004l\033[14t\033[18t`

// file is what a file in the container holds.
func (n *night) file(path string) string {
	n.t.Helper()
	out, err := n.engine.Run(n.t.Context(), n.id(), terminal.ExecSpec{Cmd: []string{"cat", path}})
	if err != nil {
		n.t.Fatal(err)
	}
	return string(out)
}

func (n *night) id() string {
	n.t.Helper()
	id, err := n.resolve(n.t.Context(), n.name)
	if err != nil {
		n.t.Fatal(err)
	}
	return id
}

// TestHistoryIsNotAnswered reloads a page whose history holds questions. They were answered when they were asked; now
// another program reads.
func TestHistoryIsNotAnswered(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.open(p, access.ModeShell)
	p.openGate()
	p.tap("#tab-shell")
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.typeIn("stty -echo; (while ! [ -e /ask ]; do sleep 0.1; done; printf '" + questions + `as''ked\n'; : >/asked) & cat >/first; cat >/second; stty echo; echo do''ne`)
	p.enter()
	within(t, time.Minute, "the first program reads", func() bool { return n.runs("cat") })
	n.touch(n.id(), "/ask")
	p.wait("the questions are asked", ".xterm-rows", "asked")
	p.yes("they are answered", `sent.filter(s => s === 'answer').length >= 5`)
	p.enter()
	within(t, time.Minute, "the answers reach who asked", func() bool { return strings.Contains(n.file("/first"), "R") })
	p.typeIn("\x04") // the first program ends, and the second one reads
	within(t, time.Minute, "the second program reads", func() bool { return n.exists("/second") })
	p.do(browsertest.Reload())
	p.wait("the page is back", "#lines", "GET /basket")
	p.tap("#tab-shell")
	p.wait("history is shown", ".xterm-rows", "asked")
	p.typeIn("typed")
	p.enter() // is two key strokes for Chromium, when a test makes it
	within(t, time.Minute, "what is typed is read", func() bool { return strings.Contains(n.file("/second"), "typed") })
	if answers := ask(p, chromedp.Evaluate[[]string](`answers`)); len(answers) > 0 {
		t.Errorf("history was answered: %q", answers)
	}
	p.typeIn("\x04")
	p.wait("the second program has ended", ".xterm-rows", "done")
	if got := strings.TrimRight(n.file("/second"), "\n"); got != "typed" {
		t.Errorf("the second program read %q", got)
	}
	p.wantQuiet()
}

// exists says whether a file is there.
func (n *night) exists(path string) bool {
	n.t.Helper()
	out, err := n.engine.Run(n.t.Context(), n.id(), terminal.ExecSpec{Cmd: []string{"sh", "-c", "[ -e " + path + " ] && echo there; :"}})
	return err == nil && string(out) == "there\n"
}

// TestOneTerminalAnswers has two browsers look at one shell: whose person types, answers.
func TestOneTerminalAnswers(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeShell)
	first, second := n.connect(id, have), n.connect(id, have)
	first.startShell()
	first.typeIn("stty -echo; echo rea''ding; cat >/got; echo over''\n")
	within(t, time.Minute, "a program reads", func() bool { return second.saw("reading") })
	second.answer("of the second ")
	second.say(`{"type":"active"}`)
	first.answer("of the first ")
	first.typeIn("first\n")
	within(t, time.Minute, "it is read", func() bool { return n.file("/got") != "" })
	second.typeIn("second\n")
	within(t, time.Minute, "that is read as well", func() bool { return strings.Contains(n.file("/got"), "second") })
	first.answer("too late ")
	epoch, read := second.place()
	second.answerTo(epoch, read-1, "to what the first had to answer ")
	second.answerTo("another", read, "of another shell ")
	second.answer("in time")
	second.typeIn("\n\x04")
	within(t, time.Minute, "the program has ended", func() bool { return first.saw("over") })
	if got, want := n.file("/got"), "of the first first\nsecond\nin time\n"; got != want {
		t.Errorf("the program read %q, want %q", got, want)
	}
}

// TestAQuestionBelongsToWhoHadTheKeyboard hands the keyboard to somebody whose page has yet to read what was asked before, and what is asked
// after that in the same piece of output.
func TestAQuestionBelongsToWhoHadTheKeyboard(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a, p := n.shell(), newPhone(t)
	n.openFor(p, tom)
	p.tap("#others button")
	p.wait("it watches", "#crowd-who", "Ada Example types · you watch")
	// The emulator reads in a timer, and in no other way; a page that is busy runs none.
	p.do(chromedp.Evaluate[chromedp.Void](`window.later = []; window.setTimeout = (real => (f, ...more) => window.later ? later.push(f) : real(f, ...more))(setTimeout.bind(window)); 0`))
	a.typeIn(`stty -echo -icanon; printf 'asked''\n\033[6n'; while ! [ -e /ask ]; do sleep 0.1; done; printf 'asked again''\n\033[6n'; cat >/got` + "\n")
	within(t, time.Minute, "it is asked", func() bool { return a.saw("asked\r\n\x1b[6n") })
	a.say(`{"type":"give","whom":1}`)
	p.wait("it has the keyboard", "#crowd-who", "You type")
	n.touch(n.id(), "/ask")
	within(t, time.Minute, "it is asked again", func() bool { return a.saw("asked again\r\n\x1b[6n") })
	p.do(chromedp.Evaluate[chromedp.Void](`(all => { window.later = null; for (const f of all) setTimeout(f, 0); })(later); 0`))
	p.yes("both are read", `answers.length === 2`)
	p.tapShell()
	p.typeIn("x")
	within(t, time.Minute, "what is typed after that is read", func() bool { return strings.HasSuffix(n.file("/got"), "x") })
	if got, want := n.file("/got"), ask(p, chromedp.Evaluate[string](`answers[1] + 'x'`)); got != want {
		t.Errorf("the program read %q, want %q", got, want)
	}
	p.wantQuiet()
}
