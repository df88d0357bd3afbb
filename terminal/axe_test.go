package terminal_test

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/browsertest"
)

// examine has axe-core look for everything in WCAG 2.2, A and AA, that a program can find.
const examine = `window.faults = null; axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})
	.then(r => window.faults = r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.target.join(' ') + ': ' + n.failureSummary.replaceAll('\n', ' '))), e => window.faults = ['axe-core: ' + e])`

// wantAccessible examines what is shown, in light and dark.
func (p *phone) wantAccessible(view string) {
	p.t.Helper()
	axe, err := os.ReadFile("web/node_modules/axe-core/axe.min.js")
	if err != nil {
		p.t.Fatalf("the tests need axe-core, which make web installs: %v", err)
	}
	for _, scheme := range []string{"dark", "light"} {
		p.dressed(scheme)
		p.do(chromedp.Evaluate[chromedp.Void](string(axe) + `; void 0`))
		p.do(chromedp.Evaluate[chromedp.Void](examine + `; void 0`))
		p.yes("axe-core has looked", `faults !== null`)
		for _, fault := range ask(p, chromedp.Evaluate[[]string](`faults`)) {
			p.t.Errorf("%s, %s: %s", view, scheme, fault)
		}
		p.picture("30-" + strings.ReplaceAll(view, " ", "-") + "-" + scheme)
	}
}

// TestEveryStateIsAccessible goes through all that the page can show.
func TestEveryStateIsAccessible(t *testing.T) {
	t.Parallel()
	n, line := behind(t, counted().counting)
	n.replace(`for c in 30 31 32 33 34 35 36 37 90 97; do printf "\033[${c}mcolour $c\033[0m \033[2;${c}mdim\033[0m\n"; done; echo an error >&2; sleep 1000`)
	p := newPhone(t)
	p.do(browsertest.Load(n.url + "/t"))
	p.wait("there is no session", "#over-text", "no open session")
	p.wantAccessible("no session")
	p.do(chromedp.Navigate("about:blank"))
	n.open(p, access.ModeShell)
	p.wantAccessible("gate")
	p.openGate()
	p.wait("logs are shown", "#lines", "an error")
	p.wantAccessible("logs")
	p.tap("#pause")
	p.tap("#filter")
	p.typeIn("nothing like it")
	p.wait("nothing matches", "#nomatch", "No line")
	p.wantAccessible("no line")
	p.tap("#tab-errors")
	p.wait("there is an answer", "#errors-asof", "As of")
	p.wantAccessible("errors")
	p.tap("#tab-shell")
	p.yes("the shell could be started", `!document.querySelector('#start').disabled`)
	p.wantAccessible("start")
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.wantAccessible("shell")
	line.hole(true)
	p.yes("there is no contact", `!`+contact)
	p.typeIn("held")
	p.wait("it is held", "#held-text", "held")
	p.wantAccessible("no contact")
	line.hole(false)
	p.yes("there is contact", contact)
	p.typeIn("\x15exit")
	p.enter()
	p.wait("the shell ends", "#shell-text", "exited")
	p.wantAccessible("shell ended")
	p.tap("#end")
	p.wait("it asks", "#end", "End now?")
	p.wantAccessible("ending")
	p.do(chromedp.Evaluate[chromedp.Void](`fetch('/t/end', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})`))
	p.wait("the session ends", "#over-title", "Session ended")
	p.wantAccessible("ended")
	p.wantQuiet()
}

func TestARefusalIsAccessible(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	link, err := n.svc.Mint(t.Context(), n.grant(access.ModeLogs), 0)
	if err != nil {
		t.Fatal(err)
	}
	n.redeem(link.URL[strings.Index(link.URL, "#")+1:])
	p.do(browsertest.Load(link.URL))
	p.wantGateRefused("it is refused", "This link was already used at ")
	p.wantAccessible("refused")
}
