package page_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/device"
	"github.com/slack-go/slack"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/chart"
	"github.com/snapback/snapback/internal/browsertest"
)

var (
	shots = flag.String("shots", "", "a folder that screenshots are written to")
	demo  = flag.String("demo", "", "the address of a running make demo, from which docs/phone.png is taken")
)

// browser is a tab of its own, as large as the device.
func browser(t *testing.T, d device.Info) context.Context {
	t.Helper()
	ctx := browsertest.New(t)
	run(t, ctx, chromedp.Emulate(info{d}))
	return ctx
}

// info makes a device of its description.
type info struct{ device.Info }

func (i info) Device() device.Info { return i.Info }

var phone = device.Info{Name: "phone", UserAgent: "test", Width: 390, Height: 844, Scale: 2, Mobile: true, Touch: true}

var desktop = device.Info{Name: "desktop", UserAgent: "test", Width: 1280, Height: 900, Scale: 1}

const patience = 2 * time.Minute // for anything that a browser is asked to do

func run(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	get(t, ctx, chromedp.Steps(steps...))
}

func get[T any](t *testing.T, ctx context.Context, a chromedp.Action[T]) T {
	t.Helper()
	limited := ctx
	if chromedp.FromContext(ctx).Target != nil { // the first call starts the browser, which lives as long as its context
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	v, err := chromedp.Run(limited, a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func visible(selector chromedp.CSS) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(selector)
}

func tap(selector chromedp.CSS) chromedp.Action[chromedp.Void] { return chromedp.Tap(selector) }

// shoot writes what the browser shows, when somebody has asked for pictures.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if *shots != "" {
		write(t, ctx, filepath.Join(*shots, name+".png"))
	}
}

func write(t *testing.T, ctx context.Context, path string) {
	t.Helper()
	run(t, ctx, chromedp.Evaluate[chromedp.Void](`Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished))`, chromedp.EvalAwaitPromise))
	if err := os.WriteFile(path, get(t, ctx, chromedp.CaptureScreenshot()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestBrowserDangerButtonAsksAndThenSendsTheSignedTap(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(t, alert()...)
	ctx := browser(t, phone)
	run(t, ctx, browsertest.Load(w.url), tap("[data-action=restore]"))
	title, label := get(t, ctx, chromedp.Text(chromedp.CSS("#dialog-title"))), get(t, ctx, chromedp.Text(chromedp.CSS("[data-confirm]")))
	if title != "Restore shop?" || label != "Restore" {
		t.Errorf("the dialog says %q and %q", title, label)
	}
	shoot(t, ctx, "phone-confirm")
	run(t, ctx, tap(".dialog [data-first]"), chromedp.WaitNotVisible(chromedp.CSS("#overlay")), tap("[data-action=acknowledge]"))
	if got := w.app.tapped(t, 1); got.ActionCallback.BlockActions[0].ActionID != "acknowledge" {
		t.Errorf("the first tap that arrived is %+v: the one that was not confirmed must not", got.ActionCallback.BlockActions[0])
	}
	run(t, ctx, tap("[data-action=restore]"), tap("[data-confirm]"))
	got := w.app.tapped(t, 2)
	action := got.ActionCallback.BlockActions[0]
	if action.ActionID != "restore" || action.Value != `{"i":1,"s":"pre-deploy-2255"}` || got.User.ID != "U0MARIA" || got.Channel.ID != "C0OPS" {
		t.Errorf("confirmed: %+v by %s in %s", action, got.User.ID, got.Channel.ID)
	}
}

func TestBrowserHasTheDeployComeBack(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := browser(t, desktop)
	run(t, ctx, browsertest.Load(w.url), visible("#again:not(:disabled)"))
	shoot(t, ctx, "desktop-again")
	run(t, ctx, chromedp.Click("#again"), visible("#again:not(:disabled)"))
	if n, said := w.again.Load(), get(t, ctx, chromedp.Text(chromedp.CSS("#toast"))); n != 1 || said != "" {
		t.Errorf("asked for %d times; it says %q", n, said)
	}
	run(t, ctx, chromedp.Click("#again"), visible("#toast:not(:empty)"))
	if got := get(t, ctx, chromedp.Text(chromedp.CSS("#toast"))); got != "It did not work: the shop is not restored" {
		t.Errorf("it says %q", got)
	}
}

func TestBrowserOverflowIsASheetWhoseOptionsAreSent(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(t, alert()...)
	ctx := browser(t, phone)
	run(t, ctx, browsertest.Load(w.url), tap("[data-action=more]"), visible(".sheet"))
	shoot(t, ctx, "phone-menu")
	run(t, ctx, tap(".sheet button:nth-of-type(2)"))
	if a := w.app.tapped(t, 1).ActionCallback.BlockActions[0]; a.SelectedOption.Value != `{"a":"details"}` {
		t.Errorf("chosen: %+v", a)
	}
}

func TestBrowserUpdatesEphemeralsAndThreadsShow(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ts := w.post(t, alert()...)
	ctx := browser(t, phone)
	run(t, ctx, browsertest.Load(w.url), visible("[data-action=restore]"))
	if _, _, _, err := w.api.UpdateMessage("C0OPS", ts, slack.MsgOptionText("x", false), slack.MsgOptionBlocks(
		slack.NewHeaderBlock(plain("👀 High error rate on shop")),
		slack.NewSectionBlock(mrkdwn("✅ *shop is back on* `pre-deploy-2255` · 1.9 s, down for 0.7 s · by Maria"), nil, nil),
		slack.NewActionBlock("", slack.NewButtonBlockElement("undo", "{}", plain("Undo")), slack.NewButtonBlockElement("resolve", "{}", plain("Resolve"))))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.api.PostMessage("C0OPS", slack.MsgOptionTS(ts), slack.MsgOptionText("▶️ Maria restores shop to pre-deploy-2255", false)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.api.PostMessage("C0OPS", slack.MsgOptionTS(ts), slack.MsgOptionText("✅ shop is back, *verified*: stayed up for 3 s", false)); err != nil {
		t.Fatal(err)
	}
	link := slack.NewButtonBlockElement("link", "", plain("Open the terminal"))
	link.URL = "http://localhost:1/t#token"
	if _, err := w.api.PostEphemeral("C0OPS", "U0MARIA", slack.MsgOptionText("Your terminal", false), slack.MsgOptionBlocks(
		slack.NewSectionBlock(mrkdwn("The logs of *shop*, for you, once, until <!date^1700000000^{time}|later>"), nil, nil), slack.NewActionBlock("", link))); err != nil {
		t.Fatal(err)
	}
	run(t, ctx, visible(".message.changed [data-action=undo]"), tap(".replies"))
	only, thread := get(t, ctx, chromedp.Text(chromedp.CSS(".ephemeral .only"))), get(t, ctx, chromedp.Text(chromedp.CSS(".thread-list")))
	if !strings.Contains(only, "Only visible to you") || !strings.Contains(thread, "verified: stayed up") {
		t.Errorf("ephemeral %q, thread %q", only, thread)
	}
	shoot(t, ctx, "phone-after")
}

func TestBrowserDrawsMrkdwnAndNeverHTML(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := browser(t, phone)
	cases := []struct{ text, html string }{
		{"*bold* and _italic_ and ~gone~ `code` DB_POOL_SIZE 2*3*4", `<strong>bold</strong> and <em>italic</em> and <s>gone</s> <code>code</code> DB_POOL_SIZE 2*3*4`},
		{"&lt;img src=x onerror=alert(1)&gt; &amp;lt;", `&lt;img src=x onerror=alert(1)&gt; &amp;lt;`},
		{"<https://example.com/a?b=1&amp;c=2|a *link*>", `<a href="https://example.com/a?b=1&amp;c=2" target="_blank" rel="noreferrer">a *link*</a>`},
		{"<javascript:alert(1)|click>", `click`},
		{"<@U0MARIA> in <#C0OPS> <!here>", `<span class="mention">@Maria</span> in <span class="mention">#ops-alerts</span> <span class="mention">@here</span>`},
		{"&gt; quoted\nnot", `<blockquote>quoted</blockquote>not`},
		{"```a *b* &lt;c&gt;```", `<pre>a *b* &lt;c&gt;</pre>`},
		{":tada: 03:42:07 :nonsense:", `🎉 03:42:07 :nonsense:`},
	}
	run(t, ctx, browsertest.Load(w.url))
	for _, c := range cases {
		ts := w.post(t, slack.NewSectionBlock(mrkdwn(c.text), nil, nil))
		got := get(t, ctx, chromedp.InnerHTML(chromedp.CSS(`[data-ts="`+ts+`"] .b-text`)))
		if got != c.html {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.html)
		}
	}
}

func TestBrowserSlashCommandsAreSent(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := browser(t, phone)
	run(t, ctx, browsertest.Load(w.url), chromedp.SendKeys(chromedp.CSS("#text"), "/snapback list shop\r"))
	w.app.commanded(t, "/snapback", "list shop")
}

func TestBrowserNothingOverflowsAPhone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(t, alert()...)
	w.post(t, slack.NewSectionBlock(mrkdwn(strings.Repeat("w", 300)), nil, nil))
	ctx := browser(t, phone)
	run(t, ctx, browsertest.Load(w.url), visible("[data-action=restore]"), visible("#chart svg"))
	wide := get(t, ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))`))
	small := get(t, ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll(".screen button")].filter((e) => { const r = e.getBoundingClientRect(); return r.height < 40 || r.width < 40 }).map((e) => e.outerHTML.slice(0, 80))`))
	if len(wide) > 0 || len(small) > 0 {
		t.Errorf("wider than the phone: %q; too small for a thumb: %q", wide, small)
	}
	shoot(t, ctx, "phone-overflow")
}

// TestScreenshot takes the picture for the README of what really happens: make demo in one terminal, and in another one
// go test ./internal/demo/page -run TestScreenshot -args -demo http://localhost:8484
func TestScreenshot(t *testing.T) {
	t.Parallel()
	if *demo == "" {
		t.Skip("it only takes a picture, of a running demo")
	}
	large := desktop
	large.Scale = 2
	ctx := browser(t, large)
	run(t, ctx, browsertest.Load(*demo), visible("[data-action=restore]"), visible("#log li"))
	write(t, ctx, "../../../docs/phone.png")
}

func TestBrowserDarkAndNarrow(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(t, alert()...)
	ctx := browser(t, phone)
	run(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
		})
		return chromedp.Void{}, err
	}, browsertest.Load(w.url), visible("[data-action=restore]"), visible("#log li"))
	dark := get(t, ctx, chromedp.Evaluate[string](`getComputedStyle(document.querySelector(".screen")).backgroundColor`))
	if dark != "rgb(26, 29, 33)" {
		t.Errorf("in the dark the screen is %s", dark)
	}
	shoot(t, ctx, "phone-dark")
	run(t, ctx, tap("#pill"))
	shoot(t, ctx, "phone-side")
}

// What the app shows in the thread alone stands there, its picture as well; what it sends to the channel too stands in both.
func TestBrowserShowsPicturesAndRepliesToTheChannel(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ts := w.post(t, alert()...)
	drawn := chart.Chart{Service: "shop", To: time.Now(), Events: []chart.Event{{At: time.Now().Add(-time.Hour), Kind: chart.Deploy}, {At: time.Now().Add(-9 * time.Minute), Kind: chart.Alert}}}
	for at := drawn.To.Add(-5 * time.Hour); at.Before(drawn.To); at = at.Add(time.Minute) {
		drawn.Minutes = append(drawn.Minutes, flat.Minute{At: at, Errors: 1, Seconds: 60, Share: 1})
	}
	doc, err := drawn.PNG(chart.Dark, 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.api.UploadFile(slack.UploadFileParameters{
		Reader: bytes.NewReader(doc), FileSize: len(doc), Filename: "errors.png", Title: "Errors a minute, 03:49", AltTxt: drawn.AltText(), Channel: "C0OPS", ThreadTimestamp: ts,
	}); err != nil {
		t.Fatal(err)
	}
	for text, channel := range map[string]bool{"📉 Falling: 3 a minute, was 21, baseline 1.1": false, "✅ Flat since 03:49, 2 min 40 s after the restore: 1.0 a minute, baseline 1.1. It was restored to pre-deploy-2255 at 03:46 by Maria": true} {
		options := []slack.MsgOption{slack.MsgOptionTS(ts), slack.MsgOptionText(text, false)}
		if channel {
			options = append(options, slack.MsgOptionBroadcast())
		}
		if _, _, err := w.api.PostMessage("C0OPS", options...); err != nil {
			t.Fatal(err)
		}
	}
	ctx := browser(t, phone)
	run(t, ctx, browsertest.Load(w.url), visible(".of-thread"))
	if got := get(t, ctx, chromedp.Evaluate[string](`[...document.querySelectorAll('#messages > .message')].map(m => m.innerText).join('\n')`)); strings.Contains(got, "Falling") || strings.Count(got, "Flat since") != 1 ||
		!strings.Contains(got, "replied to a thread: ") {
		t.Errorf("the channel reads:\n%s", got)
	}
	shoot(t, ctx, "phone-broadcast")
	run(t, ctx, tap(".of-thread"), visible(".thread-list img.b-large"), visible(".thread-list .also"))
	if got := get(t, ctx, chromedp.Text(chromedp.CSS(".thread-list"))); !strings.Contains(got, "Falling") || strings.Count(got, "Flat since") != 1 || !strings.Contains(got, "Also sent to the channel") {
		t.Errorf("the thread reads:\n%s", got)
	}
	if wide := get(t, ctx, chromedp.Evaluate[bool](`(i => i.complete && i.naturalWidth === 1170 && i.alt.startsWith('Errors a minute of shop') && i.getBoundingClientRect().width > 200 && document.documentElement.scrollWidth <= innerWidth)(document.querySelector('.thread-list img.b-large'))`)); !wide {
		t.Error("the picture is not there, has no words, or is wider than the phone")
	}
	run(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector('.thread-list img.b-large').scrollIntoView({block: 'center'})`))
	shoot(t, ctx, "phone-picture")
}
