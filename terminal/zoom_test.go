package terminal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/browsertest"
)

// beyond lists what can be tapped and is out of reach: outside the page, covered, or in nothing that scrolls.
const beyond = `[...document.querySelectorAll('#main button, #main input, #gate button')].filter(b => b.checkVisibility()).filter(b => {
	b.scrollIntoView({block: 'nearest', inline: 'nearest'});
	const r = b.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
	return r.left < -1 || r.right > innerWidth + 1 || r.top < -1 || r.bottom > innerHeight + 1 || !b.contains(document.elementFromPoint(x, y));
}).map(b => b.id + ' ' + b.innerText + ' ' + JSON.stringify(b.getBoundingClientRect()))`

func (p *phone) wantInReach(view string) {
	p.t.Helper()
	for _, b := range ask(p, chromedp.Evaluate[[]string](beyond)) {
		p.t.Errorf("%s: out of reach: %s", view, b)
	}
	p.yes("nothing is wider than the page", `document.documentElement.scrollWidth <= innerWidth`)
	p.picture("40-" + strings.ReplaceAll(view, " ", "-"))
}

// TestEverythingIsInReachAtTwiceTheSize has a phone of 390 px at 200 %, which leaves 195 px, a narrow one, and one that lies down.
func TestEverythingIsInReachAtTwiceTheSize(t *testing.T) {
	t.Parallel()
	for name, size := range map[string][2]int64{"twice the size": {195, 422}, "narrow": {320, 568}, "lying down": {844, 390}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, counted().counting)
			p := newPhone(t)
			p.size(size[0], size[1])
			n.open(p, access.ModeShell)
			p.wantInReach(name + " gate")
			p.openGate()
			p.wait("logs are shown", "#lines", "GET /basket")
			p.yes("the name is whole", `(e => e.scrollWidth <= e.clientWidth || getComputedStyle(e).display === 'inline')(document.querySelector('#name')) && document.querySelector('#name').getBoundingClientRect().height > 0`)
			p.wantInReach(name + " logs")
			p.tap("#larger")
			p.yes("the text is larger", `getComputedStyle(document.querySelector('#lines')).fontSize === '14px'`)
			p.tap("#tab-shell")
			p.wantInReach(name + " start")
			p.tap("#start")
			p.wait("a prompt is there", ".xterm-rows", "#")
			p.yes("there is room for lines", rows+` >= 6`)
			p.wantInReach(name + " shell")
			p.typeIn("echo ty''ped")
			p.enter()
			p.wait("what is typed is in sight", ".xterm-rows", "typed")
			p.wantQuiet()
		})
	}
}

// TestATerminalFromTheConsoleIsInReach has its way back and its tabs besides, which take room.
func TestATerminalFromTheConsoleIsInReach(t *testing.T) {
	t.Parallel()
	for name, size := range map[string][2]int64{"console narrow": {320, 568}, "console lying down": {844, 390}, "console lying down with a keyboard": {844, 190}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, withConsole)
			p := newPhone(t)
			p.size(size[0], max(size[1], 390))
			n.seatOn(p, access.ModeShell)
			p.wait("logs are shown", "#lines", "GET /basket")
			p.wantInReach(name + " logs")
			p.tap("#tab-shell")
			p.tap("#start")
			p.wait("a prompt is there", ".xterm-rows", "#")
			p.yes("the name is whole beside all that", `(e => e.scrollWidth <= e.clientWidth && e.clientWidth > 20)(document.querySelector('#name'))`)
			p.size(size[0], size[1])
			p.yes("the page has taken the size", fmt.Sprintf(`innerHeight === %d && document.querySelector('#keys').getBoundingClientRect().bottom <= innerHeight`, size[1]))
			p.yes("there is room for lines", rows+` >= 6`)
			p.wantInReach(name + " shell")
			p.typeIn("echo ty''ped")
			p.enter()
			p.wait("what is typed is in sight", ".xterm-rows", "typed")
			p.wantQuiet()
		})
	}
}

// TestTheShellCanBeReadAloud has the emulator keep its lines as text for screen readers, also after a reload.
func TestTheShellCanBeReadAloud(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.open(p, access.ModeShell)
	p.openGate()
	p.tap("#tab-shell")
	p.yes("the shell could be started", `!document.querySelector('#start').disabled`)
	p.wait("it is off", "#reader", "Screen reader: off")
	p.tap("#reader")
	p.wait("it is on", "#reader", "Screen reader: on")
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.do(chromedp.KeyEvent("echo al''oud\r")) // an emulator that is read aloud goes by keys
	lines := `[...document.querySelectorAll('.xterm-accessibility [role=listitem]')].some(e => e.textContent.trim() === 'aloud')`
	p.yes("a line is there as text", lines)
	p.wantAccessible("read aloud")
	p.do(browsertest.Reload())
	p.yes("it stays on", lines+` && document.querySelector('#reader').ariaPressed === 'true'`)
	p.tap("#reader")
	p.yes("it can be turned off while the shell runs", `!document.querySelector('.xterm-accessibility') && document.querySelector('#reader').ariaPressed === 'false'`)
	p.wantQuiet()
}
