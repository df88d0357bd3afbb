package terminal_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/internal/browsertest"
)

// named is a button in the snippets, by what it is called.
func named(name string) string { return `#snippets button[aria-label="` + name + `"]` }

// TestASnippetIsWrittenByOneTap makes one, sends it, changes and removes it, and reloads between.
func TestASnippetIsWrittenByOneTap(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	edit := func(name string) {
		t.Helper()
		p.tap(p.key("Snip, snippets"))
		p.tap(named(name))
		p.yes("keys go to its field", `document.activeElement.ariaLabel === 'Snippet'`)
	}
	edit("New snippet")
	p.typeIn("echo sni''ppet")
	p.wantAccessible("snippet")
	p.picture("80-snippet-new")
	p.enter()
	p.wait("it is there", "#snippets", "echo sni''ppet")
	p.wantAccessible("snippets")
	for _, s := range []struct {
		name          string
		width, height int64
	}{{"narrow", 320, 568}, {"landscape", 844, 390}, {"phone", 390, 844}} {
		p.size(s.width, s.height)
		p.yes("the page has taken the size", fmt.Sprintf(`innerWidth === %d && Math.abs(document.querySelector('#main').getBoundingClientRect().height - %d) < 2`, s.width, s.height))
		p.yes("it fits a thumb", `[...document.querySelectorAll('#snippets button, #keys button')].every(b => b.getBoundingClientRect().height >= 44 && b.getBoundingClientRect().width >= 44) && document.documentElement.scrollWidth <= innerWidth`)
		p.picture("81-snippets-" + s.name)
	}
	p.forgetTyped()
	p.tap(named("Write echo sni''ppet"))
	p.sends("it is written without Enter", "echo sni''ppet")
	p.yes("keys go to the shell", `document.querySelector('#snippets').hidden && document.activeElement.className.includes('xterm')`)
	p.enter()
	p.wait("it has run", ".xterm-rows", "snippet")
	p.typeIn(`printf '\033[?2004hwh''ole'; cat`)
	p.enter()
	p.wait("a program asks for whole pastes", ".xterm-rows", "whole")
	p.do(browsertest.Reload())
	p.wait("so it has after a reload", ".xterm-rows", "whole")
	edit("Change echo sni''ppet")
	p.typeIn(" x")
	p.enter()
	p.wait("it is changed", "#snippets", "echo sni''ppet x")
	p.forgetTyped()
	p.tap(named("Write echo sni''ppet x"))
	p.sends("as one paste", "\x1b[200~echo sni''ppet x\x1b[201~")
	edit("Change echo sni''ppet x")
	p.tap(named("Remove"))
	p.wait("it is gone", "#snippets", "one tap writes")
	p.yes("from the browser as well", `localStorage.getItem('snapback.snippets') === '[]'`)
	p.tap(named("Close"))
	p.yes("the snippets are shut", `document.querySelector('#snippets').hidden`)
	p.wantQuiet()
}

// TestASnippetOfAnotherPageIsNotLost has two pages of one browser, of which each makes one.
func TestASnippetOfAnotherPageIsNotLost(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.tap(p.key("Snip, snippets"))
	p.wait("there is none", "#snippets", "one tap writes")
	p.tap(named("Close"))
	p.do(chromedp.Evaluate[chromedp.Void](`localStorage.setItem('snapback.snippets', '["of another"]')`))
	p.tap(p.key("Snip, snippets"))
	p.wait("the other page's is there", "#snippets", "of another")
	p.tap(named("New snippet"))
	p.typeIn("of this one")
	p.enter()
	p.wait("so is its own", "#snippets", "of this one")
	p.yes("both are kept", `localStorage.getItem('snapback.snippets') === '["of another","of this one"]'`)
}

// TestThePasteKeyWritesWhatWasCopied has a browser that may read the clipboard, and one that may not.
func TestThePasteKeyWritesWhatWasCopied(t *testing.T) {
	t.Parallel()
	n, p := prompted(t)
	type params struct {
		Origin      string   `json:"origin"`
		Permissions []string `json:"permissions"`
	}
	grant := cdp.Command[params, cdp.Empty]{Method: "Browser.grantPermissions"}
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, grant, params{n.url, []string{"clipboardReadWrite", "clipboardSanitizedWrite"}})
		return err
	}))
	copied := func(text string) {
		t.Helper()
		p.do(chromedp.Evaluate[chromedp.Void](`window.done = 0; navigator.clipboard.writeText('` + text + `').then(() => { done = 1; }, e => { done = String(e); }); 0`))
		p.yes("it is copied", `done === 1`)
		p.forgetTyped()
	}
	copied(`echo pas\'\'ted\n`)
	p.tap(p.key("Paste"))
	p.sends("what was copied is written, without Enter", "echo pas''ted")
	p.enter()
	p.wait("it has run", ".xterm-rows", "pasted")
	copied(`' + 'x'.repeat(60001) + '`)
	p.tap(p.key("Paste"))
	p.wantTold("Not sent: 60001 characters are too many at once, 60000 at most.")
	p.yes("nothing is written", `typed.length === 0`)
	copied(`one\ntwo`)
	p.tap(p.key("Paste"))
	p.yes("several lines wait to be looked at", `document.querySelector('#compose-text').value === 'one\ntwo' && typed.length === 0`)
	p.do(chromedp.Evaluate[chromedp.Void](`(f => { f.value = ''; f.dispatchEvent(new Event('input')); navigator.clipboard.readText = () => Promise.reject(new DOMException('', 'NotAllowedError')); })(document.querySelector('#compose-text'))`))
	p.tap(p.key("Paste"))
	p.wantTold("This browser lets no page read the clipboard. Hold the field, and choose Paste.")
	p.yes("a field is there to paste into", `document.activeElement.id === 'compose-text' && typed.length === 0`)
	p.wantQuiet()
}

// TestALockedKeyOutlivesAReload holds Ctrl.
func TestALockedKeyOutlivesAReload(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.yes("the keys are there", `!document.querySelector('#keys').hidden`)
	p.hold(p.key("Ctrl"), func() { p.yes("it is locked", `document.querySelector('#keys .locked')`) })
	p.do(browsertest.Reload())
	p.yes("it is locked still", `document.querySelector('#keys .locked')?.ariaLabel === 'Ctrl, locked'`)
	p.yes("the keys are back", `!document.querySelector('#keys').hidden`)
	p.forgetTyped()
	p.tapShell()
	p.typeIn("l")
	p.sends("and means what it did", "\x0c")
	p.tap("#keys .locked")
	p.yes("a tap ends it", `!document.querySelector('#keys .locked')`)
	p.do(browsertest.Reload())
	p.yes("the keys are back", `!document.querySelector('#keys').hidden && document.querySelector('.xterm-rows')`)
	p.yes("for good", `!document.querySelector('#keys .locked')`)
	p.wantQuiet()
}
