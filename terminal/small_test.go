package terminal_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
)

// size is what a phone's on-screen keyboard leaves of its page, or another phone.
func (p *phone) size(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch))
}

// rows is how many lines the emulator shows.
const rows = `document.querySelector('.xterm-rows').childElementCount`

// TestShellOnASmallScreen types in landscape with a keyboard of 200 px, and on a phone of 320 px.
func TestShellOnASmallScreen(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.open(p, access.ModeShell)
	p.openGate()
	p.tap("#tab-shell")
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.size(844, 190)
	p.yes("there is room for lines", rows+` >= 7`)
	p.yes("the last line is whole", `document.querySelector('.xterm-rows').lastElementChild.getBoundingClientRect().bottom <= document.querySelector('#term').getBoundingClientRect().bottom + 1`)
	p.picture("16-landscape")
	p.typeIn("echo ty''ped")
	p.enter()
	p.wait("what is typed is in sight", ".xterm-rows", "typed")
	p.size(844, 390)
	p.yes("without the keyboard the tabs are back", `document.querySelector('#tab-logs').getBoundingClientRect().height >= 44`)
	p.size(320, 568)
	p.yes("all arrows are on the screen", `['Up', 'Down', 'Left', 'Right', 'Esc', 'Tab', 'Control C'].every(k => (r => r.left >= 0 && r.right <= innerWidth && r.bottom <= innerHeight && r.width >= 44 && r.height >= 44)(document.querySelector('#keys button[aria-label="' + k + '"]').getBoundingClientRect()))`)
	p.yes("no label is wider than its key, and the size can be chosen", `[...document.querySelectorAll('#keys button')].every(b => b.scrollWidth <= b.clientWidth) && document.querySelector('#larger').getBoundingClientRect().right <= innerWidth`)
	p.yes("nothing is wider than the phone", `document.documentElement.scrollWidth <= 320`)
	p.picture("17-narrow")
	p.size(320, 300)
	p.yes("with its keyboard there is room for lines", rows+` >= 8`)
	p.picture("18-narrow-keyboard")
	p.wantQuiet()
}

// TestNoContactIsSeenInLandscapeWithTheKeyboard has 190 px left, of which the shell and the keys take what they can.
func TestNoContactIsSeenInLandscapeWithTheKeyboard(t *testing.T) {
	t.Parallel()
	n, line := behind(t)
	p := newPhone(t)
	n.atPrompt(p)
	p.size(844, 190)
	p.yes("the page has taken the size", `document.body.classList.contains('cramped')`)
	line.hole(true)
	p.wait("it says since when", "#contact", "Last contact")
	p.typeIn("held")
	p.wait("what is typed is in sight", "#held-text", "held")
	p.picture("19-landscape-no-contact")
	p.yes("both are on the screen", `['#contact', '#held-text'].every(s => (r => r.height >= 14 && r.top >= 0 && r.bottom <= innerHeight)(document.querySelector(s).getBoundingClientRect()))`)
	p.yes("nothing is covered", `(c => document.elementFromPoint(c.x + 20, c.y + c.height / 2).closest('#contact'))(document.querySelector('#contact').getBoundingClientRect())`)
	p.yes("so are lines of the shell", `document.querySelector('#term').clientHeight >= 36`)
}
