package console_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/internal/testkit"
)

// axeCore is what npm has installed.
const axeCore = "web/node_modules/axe-core/axe.min.js"

// browser is a tab of Chromium, signed in as a visitor, on a phone that is touched.
type browser struct {
	t   *testing.T
	ctx context.Context
	at  string
}

// eavesdrop collects what the page's policy blocked, and the page's own errors.
const eavesdrop = `window.said = [];
addEventListener('securitypolicyviolation', e => said.push('blocked: ' + e.violatedDirective + ' ' + e.blockedURI));
addEventListener('error', e => said.push('error: ' + e.message));
addEventListener('unhandledrejection', e => said.push('rejected: ' + e.reason));`

func (v *visitor) browser() *browser {
	v.t.Helper()
	b := &browser{v.t, browsertest.New(v.t), v.origin}
	devtools(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: eavesdrop})
	b.becomes(sizes[0], "light")
	for _, c := range v.client.Jar.Cookies(nil) {
		devtools(b, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: v.origin + "/", HTTPOnly: new(true), SameSite: network.CookieSameSiteStrict})
	}
	return b
}

func devtools[P, R any](b *browser, what cdp.Command[P, R], params P) (got R) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		got, err = cdp.Call(ctx, t, what, params)
		return err
	}))
	return got
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	testkit.OK(b.t, chromedp.Do(b.ctx, actions...))
}

func js[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	testkit.OK(b.t, err)
	return v
}

func (b *browser) text() string {
	b.t.Helper()
	return js[string](b, `document.body.innerText.replaceAll('\u00a0', ' ')`)
}

// until waits for what is looked at again and again.
func (b *browser) until(what string, is func() bool) {
	b.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(limit) {
			b.t.Fatalf("not within a minute: %s; the page shows:\n%s", what, b.text())
		}
	}
}

func (b *browser) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until("the page shows "+text, func() bool { return strings.Contains(b.text(), text) })
	}
}

// goes leads to a page of the console, by its hash.
func (b *browser) goes(hash string) {
	b.t.Helper()
	if !strings.HasPrefix(js[string](b, `location.href`), b.at) {
		b.do(browsertest.Load(b.at + "/" + hash))
		return
	}
	b.do(chromedp.Evaluate[chromedp.Void](`location.hash = ` + fmt.Sprintf("%q", hash)))
}

// tap touches the first button that can be pressed, of a sheet if one is open, that begins with a text, once it stands still with nothing
// above it. A page that moves right then takes the touch for one beside it, so that it is tried again until the button has it.
func (b *browser) tap(text string) {
	b.t.Helper()
	find := `[...(document.querySelector('dialog[open]') ?? document).querySelectorAll('button, a')].find(e => e.innerText.trim().startsWith(` + fmt.Sprintf("%q", text) + `) && !e.disabled && e.ariaDisabled !== 'true' && !e.hidden)`
	middle := `(e => { if (!e) return []; e.scrollIntoView({block: 'nearest', inline: 'nearest'}); const r = e.getClientRects()[0], at = r ? [r.x + r.width / 2, r.y + r.height / 2] : [];
	if (!e.contains(document.elementFromPoint(...at))) return [];
	window.touched = false;
	e.addEventListener('click', () => { window.touched = true; }, {capture: true, once: true});
	return at; })(` + find + `)`
	var at []float64
	var touchedAt time.Time
	b.until(text+" is touched", func() bool {
		switch {
		case touchedAt.IsZero():
			before := at
			at = js[[]float64](b, middle)
			if len(at) == 2 && slices.Equal(before, at) {
				b.do(browsertest.Tap(at[0], at[1]))
				touchedAt = time.Now()
			}
			return false
		case js[bool](b, `window.touched !== false`): // the touch may have led to another page
			return true
		case time.Since(touchedAt) > 2*time.Second:
			at, touchedAt = nil, time.Time{}
		}
		return false
	})
}

// size is that of a screen, and whether fingers touch it.
type size struct {
	name          string
	width, height int64
	touched       bool
}

var sizes = []size{{"phone", 390, 844, true}, {"sideways", 844, 390, true}, {"small", 320, 568, true}, {"desktop", 1280, 800, false}}

func (b *browser) becomes(s size, scheme string) {
	b.t.Helper()
	devtools(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: s.width, Height: s.height, DeviceScaleFactor: 1, Mobile: s.touched})
	devtools(b, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: s.touched})
	devtools(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// looked at is what no size may break: nothing is wider than the screen, what a finger taps is large enough and within its reach, the policy
// blocked nothing, and axe-core finds nothing. Pictures are kept where SNAPBACK_PICTURES says, for people to look at.
func (b *browser) lookedAt(name string) {
	b.t.Helper()
	for _, s := range sizes {
		for _, scheme := range []string{"light", "dark"} {
			b.becomes(s, scheme)
			shown := fmt.Sprintf("%s-%s-%s", name, s.name, scheme)
			if wide := js[float64](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
				b.t.Errorf("%s is %v px wider than the screen", shown, wide)
			}
			if small := js[[]string](b, tooSmall); s.touched && len(small) > 0 {
				b.t.Errorf("%s: too small for a finger: %q", shown, small)
			}
			if s.name == "phone" || s.name == "desktop" && scheme == "light" { // the others differ in no element and no colour
				for _, wrong := range browsertest.Axe(b.t, b.ctx, axeCore) {
					b.t.Errorf("%s: %s", shown, wrong)
				}
			}
			b.picture(shown)
		}
		for _, far := range js[[]string](b, beyond) {
			b.t.Errorf("%s-%s: out of reach: %s", name, s.name, far)
		}
	}
	b.becomes(sizes[0], "light")
	if said := js[[]string](b, `window.said ?? []`); len(said) > 0 {
		b.t.Errorf("%s: the page said %q", name, said)
	}
}

// tooSmall is what can be tapped and is less than 44 px high.
const tooSmall = `[...document.querySelectorAll('button, a, input, textarea')].filter(e => { const r = e.getBoundingClientRect(); return r.height > 0 && r.height < 43.5; }).map(e => e.outerHTML.slice(0, 120))`

// beyond is what can't be tapped however a finger scrolls: it is outside the page, cut off, or covered. Where an element is higher than the screen, its
// middle has to be there. What was scrolled is where it was.
const beyond = `(() => {
	const all = [...document.querySelectorAll('*')].map(e => [e, e.scrollLeft, e.scrollTop]);
	const far = [...(document.querySelector('dialog[open]') ?? document).querySelectorAll('button, a, input, textarea, summary')].filter(e => e.checkVisibility()).filter(e => {
		e.scrollIntoView({block: 'center', inline: 'nearest'});
		const r = e.getClientRects()[0];
		if (!r) return false;
		const high = r.height <= innerHeight && (r.top < -1 || r.bottom > innerHeight + 1);
		let cut = false; // a script scrolls what no finger does
		for (let p = e.parentElement; p; p = p.parentElement) {
			const style = getComputedStyle(p);
			cut ||= style.overflowX === 'hidden' && p.scrollLeft > 0 || style.overflowY === 'hidden' && p.scrollTop > 0;
		}
		return cut || r.left < -1 || r.right > innerWidth + 1 || high || !e.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2));
	}).map(e => e.outerHTML.slice(0, 120) + ' ' + JSON.stringify(e.getBoundingClientRect()));
	for (const [e, left, top] of all) if (e.scrollLeft !== left || e.scrollTop !== top) e.scrollTo(left, top);
	return far;
})()`

func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("SNAPBACK_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	testkit.OK(b.t, err)
	testkit.OK(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

func (b *browser) container(key string) { b.t.Helper(); b.goes("#/c/" + url.PathEscape(key)) }

func evaluate(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](script)
}

var reload = browsertest.Reload()

// onNewPages has a script run before those of every page that is opened from now on.
func onNewPages(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	})
}
