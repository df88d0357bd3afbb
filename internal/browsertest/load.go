package browsertest

import (
	"context"
	"errors"

	"github.com/chromedp/chromedp"
)

// loads is how often a page is loaded before it is given up.
const loads = 5

var errNoScript = errors.New("the page's script has not come")

// Load goes to a page, and once more where the browser gives up the page or its script: it does when another test's network comes or goes on
// this machine.
func Load(url string) chromedp.Action[chromedp.Void] { return again(chromedp.Navigate(url)) }

// Reload is Load of the page that is there.
func Reload() chromedp.Action[chromedp.Void] { return again(chromedp.Reload()) }

// again loads until the script has run, if the page has one of ours: it takes away what the page says until then.
func again(load chromedp.Action[chromedp.Void]) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for n := 1; ; n++ {
			_, err := load(ctx, t)
			if err == nil {
				late, between := chromedp.Evaluate[bool](`document.querySelector('#late') !== null`)(ctx, t)
				if between != nil || !late { // it goes on to another page by itself
					return nil
				}
				err = errNoScript
			}
			if n == loads || ctx.Err() != nil {
				return err
			}
		}
	})
}
