package terminal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
)

// taken waits until the bot has said so of everything up to a number.
func (b *browser) taken(number int64) {
	b.t.Helper()
	within(b.t, time.Minute, fmt.Sprintf("%d pieces are taken", number), func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.typed >= number
	})
}

func (b *browser) refusals() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.refused)
}

func (b *browser) runs() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.run
}

// TestWhatIsTypedIsTakenOnce sends a piece twice over one connection, and again over the next one, as a page does that has not
// heard of it.
func TestWhatIsTypedIsTakenOnce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	b.startShell()
	number, run := b.number, b.runs()
	b.typeAs(number+1, run, "echo on''ce\n")
	b.typeAs(number+1, run, "echo on''ce\n")
	b.taken(number + 1)
	_ = b.conn.CloseNow()
	again := n.connectAs(b.by, id, have)
	again.taken(number + 1) // it is told when it comes
	again.typeAs(number+1, run, "echo on''ce\n")
	again.typeAs(number+2, run, "echo la''st\n")
	within(t, time.Minute, "the newest piece is taken", func() bool { return again.saw("last\r\n") })
	if got := strings.Count(again.shown(), "once\r\n"); got != 1 {
		t.Errorf("it was taken %d times:\n%s", got, again.shown())
	}
	if got := again.refusals(); len(got) > 0 {
		t.Errorf("refused: %q", got)
	}
}

// TestWhatCannotBeTakenIsGivenBack has pieces for a shell that has ended, behind one that is missing, and for no shell at all.
func TestWhatCannotBeTakenIsGivenBack(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	refused := func(what string, number int64, run, word string) {
		t.Helper()
		before := len(b.refusals())
		b.typeAs(number, run, "echo lo''st\n")
		within(t, time.Minute, what, func() bool { return len(b.refusals()) > before })
		if got := b.refusals()[before]; !strings.Contains(got, word) {
			t.Errorf("%s: %q", what, got)
		}
	}
	refused("there is no shell", 1, "", "has ended")
	b.startShell()
	first := b.runs()
	refused("one before it is missing", b.number+2, first, "isn't reading")
	b.typeIn("exit\n")
	within(t, time.Minute, "the shell ends", func() bool { return b.shellIs("ended") })
	refused("the shell has ended", b.number+1, first, "has ended")
	b.number = 0
	b.startShell()
	refused("another shell runs", b.number+1, first, "has ended")
	b.typeIn("echo fi''ne\n")
	within(t, time.Minute, "the shell goes on", func() bool { return b.saw("fine\r\n") })
	if b.saw("lost\r\n") {
		t.Error("something that was given back was typed as well")
	}
}

// TestAPageThatComesBackIsOneBrowser does so more often than a person may have browsers, before the bot has noticed that the
// earlier connections are dead.
func TestAPageThatComesBackIsOneBrowser(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeShell)
	first := n.connectAs("page", id, have)
	first.startShell()
	last := first
	for range 10 {
		next := n.connectAs("page", id, have)
		within(t, time.Minute, "it is greeted", func() bool { return next.saw("hello from the first") })
		within(t, time.Minute, "the connection before is closed", func() bool {
			last.mu.Lock()
			defer last.mu.Unlock()
			return last.ended != nil
		})
		last = next
	}
	last.answer("echo ans''wered\n")
	within(t, time.Minute, "it has the keyboard", func() bool { return last.saw("answered") })
}
