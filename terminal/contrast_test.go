package terminal_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
)

// faint lists what can be seen and whose text has less contrast than WCAG 2.2's 1.4.3 wants of normal text, 4.5 : 1. The terminal
// emulator sees to its own.
const faint = `(() => {
	const parts = c => { const [r, g, b, a] = c.match(/[\d.]+/g).map(Number); return [r, g, b, a ?? 1]; };
	const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
	const behind = e => { if (!e) return [255, 255, 255, 1]; const c = parts(getComputedStyle(e).backgroundColor); return c[3] === 1 ? c : over(c, behind(e.parentElement)); };
	const opacity = e => e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1;
	const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const found = new Map();
	for (const e of document.querySelectorAll('body *')) {
		if (e.closest('.term, svg, :disabled') || !e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
		const back = behind(e), text = parts(getComputedStyle(e).color);
		text[3] *= opacity(e);
		const [low, high] = [light(over(text, back)), light(back)].sort((a, b) => a - b);
		const ratio = (high + 0.05) / (low + 0.05);
		if (ratio < 4.5) found.set(e.tagName + '.' + e.className + '#' + e.id, ratio.toFixed(2));
	}
	return [...found].map(f => f.join(' '));
})()`

// dressed says which colours the system has.
func (p *phone) dressed(scheme string) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	}))
}

// TestEverythingCanBeReadInLightAndDark looks at each view in both, with lines of all colours.
func TestEverythingCanBeReadInLightAndDark(t *testing.T) {
	t.Parallel()
	n := setup(t, counted().counting)
	p := newPhone(t)
	n.replace(`for c in 30 31 32 33 34 35 36 37 90 91 92 93 94 95 96 97; do printf "\033[${c}mcolour $c\033[0m \033[1;${c}mbold\033[0m \033[2;${c}mdim\033[0m\n"; done
		echo an error >&2; printf '\033[2mdim\033[0m\n'; sleep 1000`)
	n.open(p, access.ModeShell)
	look := func(view string) {
		for _, scheme := range []string{"dark", "light"} {
			p.dressed(scheme)
			p.yes("the page is "+scheme, `getComputedStyle(document.documentElement).colorScheme === '`+scheme+`' && (Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0]) > 128) === `+quote(scheme)+` .startsWith('light')`)
			for _, what := range ask(p, chromedp.Evaluate[[]string](faint)) {
				t.Errorf("%s, %s: too faint: %s", view, scheme, what)
			}
			p.picture("15-" + view + "-" + scheme)
		}
	}
	look("gate")
	p.openGate()
	p.wait("logs are shown", "#lines", "an error")
	p.tap("#pause")
	look("logs")
	p.tap("#tab-errors")
	p.wait("there is an answer", "#errors-asof", "As of")
	look("errors")
	p.tap("#tab-shell")
	p.yes("the shell could be started", `!document.querySelector('#start').disabled`)
	look("start")
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.typeIn(`printf '\033[33myellow\033[0m \033[97mwh%s\033[0m\n' ite`)
	p.enter()
	p.wait("colours are shown", ".xterm-rows", "white")
	look("shell")
	p.yes("the emulator is light as well", `getComputedStyle(document.querySelector('.xterm-rows')).color === 'rgb(27, 37, 41)'`)
	p.do(chromedp.Evaluate[chromedp.Void](`fetch('/t/end', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})`))
	p.wait("the session ends", "#over-title", "Session ended")
	look("over")
	p.wantQuiet()
}
