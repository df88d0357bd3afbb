package terminal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/terminal"
)

// openFor opens somebody's link in their browser.
func (n *night) openFor(p *phone, who access.Holder) {
	n.t.Helper()
	g := n.grant(access.ModeShell)
	g.Person = who
	link, err := n.svc.Mint(n.t.Context(), g, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	p.visit(link.URL)
	p.openGate()
	p.wait("logs are shown", "#lines", "GET /basket") // the first line may not be among the last 500 any more
}

// sized are pictures of every size that a phone has, dark and light.
func (p *phone) sized(name string) {
	p.t.Helper()
	for _, size := range [][2]int64{{320, 568}, {844, 390}, {390, 844}} {
		p.do(chromedp.EmulateViewport(size[0], size[1], chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch))
		p.yes(fmt.Sprintf("nothing is wider than %d px", size[0]), fmt.Sprintf(`document.documentElement.scrollWidth <= %d && document.documentElement.clientWidth === %d`, size[0], size[0]))
		p.yes("who is there can be tapped", `[...document.querySelectorAll('#crowd:not([hidden]) button, #others:not([hidden]) button')].filter(b => b.offsetParent).every(b => b.getBoundingClientRect().height >= 44 && b.getBoundingClientRect().right <= innerWidth)`)
		for _, scheme := range []string{"dark", "light"} {
			p.dressed(scheme)
			p.picture(fmt.Sprintf("together-%s-%d-%s", name, size[0], scheme))
		}
	}
}

// act taps what has a text, among what can be done about who has the keyboard.
func (p *phone) act(text string) {
	p.t.Helper()
	button := `[...document.querySelectorAll('#crowd-acts button')].find(b => b.textContent === ` + quote(text) + ` && b.offsetParent && !b.disabled)`
	p.tapOn(text, button)
}

// tapShell taps the shell, and waits until keys go there.
func (p *phone) tapShell() {
	p.t.Helper()
	p.tap(".term")
	p.yes("keys go to the shell", `document.activeElement === document.querySelector('.xterm-helper-textarea')`)
}

// wantTold waits for words in the banner, which may be gone again.
func (p *phone) wantTold(words string) {
	p.t.Helper()
	p.yes("it says "+words, `banners.some(b => b.text === `+quote(words)+`)`)
}

// TestPhonesShareAShell has three people with their own links: one types, two watch.
func TestPhonesShareAShell(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.Away = time.Hour })
	a, b, c := newPhone(t), newPhone(t), newPhone(t)
	n.openFor(a, ada)
	a.tap("#tab-shell")
	a.tap("#start")
	a.wait("a prompt is there", ".xterm-rows", "#")
	a.typeIn("echo be''fore")
	a.enter()
	a.wait("it is shown", ".xterm-rows", "before")

	n.openFor(b, tom)
	b.wait("the shell is offered", "#others", "Ada Example has a shell here")
	b.sized("offered")
	b.tap("#others button")
	b.wait("what is on the screen is there", ".xterm-rows", "before")
	b.wait("who types is said", "#crowd-who", "Ada Example types · you watch")
	a.wait("who watches is said", "#crowd-who", "You type · Tom Example watches")
	a.typeIn("echo li''ve")
	a.enter()
	b.wait("what comes is there", ".xterm-rows", "live")
	b.sized("watching")
	b.wantAccessible("watching")
	a.sized("watched")
	a.wantAccessible("watched")

	b.tapShell()
	b.typeIn("x")
	b.wantTold("Ada Example has the keyboard. Ask for it to type.")
	if ask(b, chromedp.Evaluate[bool](`sent.includes('typed')`)) {
		t.Error("a watcher's key was sent")
	}

	b.act("Ask to type")
	a.wait("it is asked for", "#crowd-who", "Tom Example asks for the keyboard")
	a.sized("asked")
	a.wantAccessible("asked")
	a.act("Not now")
	b.wantTold("Ada Example says: not now.")
	b.act("Ask to type")
	a.wait("it is asked for", "#crowd-who", "Tom Example asks for the keyboard")
	a.act("Give")
	b.wait("it has the keyboard", "#crowd-who", "You type · Ada Example watches")
	b.yes("it has the keys", `!document.querySelector('#keys').hidden`)
	a.yes("the other has none", `document.querySelector('#keys').hidden`)
	b.tapShell()
	b.typeIn("echo fr''om-tom")
	b.enter()
	a.wait("it types", ".xterm-rows", "from-tom")
	b.sized("holding")

	n.openFor(c, zoe)
	c.tap("#others button")
	c.wait("two watch", "#crowd-who", "Tom Example types · Ada Example, you watch")
	b.act("Hand over")
	b.sized("choosing")
	b.act("Zoe Example")
	c.wait("the third has the keyboard", "#crowd-who", "You type · Ada Example, Tom Example watch")

	c.do(chromedp.Navigate("about:blank")) // its page is dead
	n.clock.advance(40 * time.Second)
	b.wait("there is no contact", "#crowd-who", "No contact with Zoe Example")
	b.sized("forsaken")
	b.act("Take over")
	b.wait("it is taken over", "#crowd-who", "You type")
	b.act("Leave")
	a.yes("it comes back to whose shell it is", `!document.querySelector('#keys').hidden && (c => c.hidden || !c.innerText.includes('Tom'))(document.querySelector('#crowd'))`)
	b.wait("the shell is offered again", "#others", "Ada Example has a shell here")
	n.wantHandOvers("Ada Example gave the keyboard to Tom Example; Tom Example gave the keyboard to Zoe Example; Tom Example took the keyboard from Zoe Example, with whom there was no contact; Tom Example left, and gave the keyboard back to Ada Example")
	for _, p := range []*phone{a, b} {
		p.wantQuiet()
	}
}
