package terminal_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
)

// TestAPageWhoseScriptDoesNotComeSaysWhatToDo has the phone give up what it loads, as it does when it changes its network.
func TestAPageWhoseScriptDoesNotComeSaysWhatToDo(t *testing.T) {
	t.Parallel()
	n, p := setup(t), newPhone(t)
	link, err := n.svc.Mint(t.Context(), n.grant(access.ModeLogs), 0)
	if err != nil {
		t.Fatal(err)
	}
	scripts := func(blocked bool) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: "*://*:*/*.js", Block: blocked}}})
			return err
		})
	}
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		return err
	}), scripts(true), chromedp.Navigate(link.URL))
	const late = `document.querySelector('#late')`
	p.yes("it says what to do", `getComputedStyle(`+late+`).visibility === 'visible' && `+late+`.innerText.includes('load the page again')`)
	p.picture("late")
	p.do(scripts(false), chromedp.Reload()) // the link is in the address still
	p.yes("then it is there", gateIsThere+` && `+late+` === null`)
}
