package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/testkit"
)

// reachable makes the bot listen where its public URL says, so that a browser can be there.
func (n *night) reachable() {
	n.t.Helper()
	port := testkit.FreePort(n.t)
	n.env["SNAPBACK_LISTEN"] = fmt.Sprintf("127.0.0.1:%d", port)
	n.env["SNAPBACK_PUBLIC_URL"] = fmt.Sprintf("http://localhost:%d", port)
}

var signinLink = regexp.MustCompile(`http://localhost:\d+/#register=([A-Z2-7]+)`)

// signinLink is what somebody gets in Slack who asks to be let in.
func (n *night) signinLink(u *slackfake.User) (url, token string) {
	n.t.Helper()
	before := len(u.Ephemerals(n.channel))
	u.Command(n.channel, "/snapback", "signin")
	var found []string
	await(n.t, "a link to register with", func() bool {
		for _, m := range u.Ephemerals(n.channel)[before:] {
			if found = signinLink.FindStringSubmatch(m.String()); found != nil {
				return true
			}
		}
		return false
	})
	return found[0], found[1]
}

// await waits for what is looked at again and again.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// phone is a browser of a phone's size that is touched, with an authenticator of its own.
type phone struct {
	t   *testing.T
	ctx context.Context
	key webauthn.AuthenticatorID
}

// eavesdrop collects what the page's policy blocked, and the page's own errors.
const eavesdrop = `window.said = [];
addEventListener('securitypolicyviolation', e => said.push('blocked: ' + e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));
addEventListener('error', e => said.push('error: ' + e.message));
addEventListener('unhandledrejection', e => said.push('rejected: ' + e.reason));`

func newPhone(t *testing.T) *phone {
	t.Helper()
	p := &phone{t: t, ctx: browsertest.New(t)}
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulatePortrait, chromedp.EmulateMobile, chromedp.EmulateTouch))
	devtools(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: eavesdrop})
	devtools(p, webauthn.Enable, webauthn.EnableParams{})
	p.key = devtools(p, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}}).AuthenticatorID
	return p
}

// devtools makes a call of the DevTools protocol.
func devtools[P, R any](p *phone, what cdp.Command[P, R], params P) R {
	p.t.Helper()
	var got R
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		var err error
		got, err = cdp.Call(ctx, t, what, params)
		return err
	}))
	return got
}

func (p *phone) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// between is what a browser says while it goes from one page to another: ask the other.
var between = regexp.MustCompile(`navigated or closed|[Cc]ontext was destroyed|[Cc]annot find (default execution )?context`)

func js[T any](p *phone, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	for err != nil && between.MatchString(err.Error()) {
		v, err = chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	}
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (p *phone) open(url string) { p.t.Helper(); p.do(browsertest.Load(url)) }

func quoteJS(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }

// tap touches the middle of what has that text, once it can be seen and tapped.
func (p *phone) tap(text string) { p.t.Helper(); p.tapOne("find", text) }

// tapLast is tap of the last of several.
func (p *phone) tapLast(text string) { p.t.Helper(); p.tapOne("findLast", text) }

func (p *phone) tapOne(which, text string) {
	p.t.Helper()
	find := `[...(document.querySelector('dialog[open]') ?? document).querySelectorAll('button, a, [role=tab]')].` + which + `(e => e.innerText.trim().startsWith(` + quoteJS(text) + `) && !e.disabled && e.ariaDisabled !== 'true' && e.getBoundingClientRect().height > 0)`
	await(p.t, "there is "+text, func() bool { return js[bool](p, `!!(`+find+`)`) })
	p.do(chromedp.Evaluate[chromedp.Void](find + `.scrollIntoView({block: 'nearest'})`))
	middle := `(r => r ? [r.x + r.width / 2, r.y + r.height / 2] : [])(` + find + `?.getBoundingClientRect())`
	at := js[[]float64](p, middle)
	await(p.t, text+" stands still", func() bool {
		before := at
		at = js[[]float64](p, middle)
		return len(at) == 2 && slices.Equal(before, at)
	})
	p.do(browsertest.Tap(at[0], at[1]))
}

// opens taps what leads to another page, until that shows what it is to show: what comes late on this one may move what is tapped
// from under the finger.
func (p *phone) opens(text, shows string) {
	p.t.Helper()
	p.tap(text)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	again, limit := time.Now().Add(5*time.Second), time.Now().Add(time.Minute)
	for !strings.Contains(p.text(), shows) {
		<-tick.C
		switch now := time.Now(); {
		case now.After(limit):
			p.t.Fatalf("%s does not lead to %s; the page shows:\n%s", text, shows, p.text())
		case now.After(again):
			p.tap(text)
			again = now.Add(5 * time.Second)
		}
	}
}

func (p *phone) text() string {
	p.t.Helper()
	return js[string](p, `(document.body?.innerText ?? '').replaceAll('\u00a0', ' ')`)
}

// sees waits until the page shows each of the texts.
func (p *phone) sees(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.until("the page shows "+text, func() bool { return strings.Contains(p.text(), text) })
	}
}

func (p *phone) until(what string, is func() bool) {
	p.t.Helper()
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the page shows:\n%s", p.text())
		}
	}()
	await(p.t, what, is)
}

// wellBehaved fails when the page has done what its policy forbids, or has erred.
func (p *phone) wellBehaved() {
	p.t.Helper()
	if said := js[[]string](p, `window.said ?? []`); len(said) > 0 {
		p.t.Errorf("the page said %q", said)
	}
	if wide := js[float64](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
		p.t.Errorf("the page is %v px wider than the phone", wide)
	}
}

// pictures are kept in light and dark where SNAPBACK_PICTURES says, for people to look at.
func (p *phone) pictures(name string) {
	p.t.Helper()
	p.wellBehaved()
	dir := os.Getenv("SNAPBACK_PICTURES")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		devtools(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), png, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

// network takes the phone's network away, and gives it back.
func (p *phone) network(there bool) {
	p.t.Helper()
	devtools(p, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: !there, DownloadThroughput: -1, UploadThroughput: -1})
}
