package console_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// A phone that changes its network gives up what it loads: without a word the page would stay empty.
func TestAPageWhoseScriptDoesNotComeSaysWhatToDo(t *testing.T) {
	v := newHouse(t).visitor()
	b := v.browser()
	devtools(b, network.Enable, network.EnableParams{})
	devtools(b, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: "*://*:*/*.js", Block: true}}})
	b.do(chromedp.Navigate(b.at + "/"))
	b.sees("If nothing comes, load the page again.")
	b.lookedAt("late")
	devtools(b, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: "*://*:*/*.js"}}})
	b.do(reload)
	b.sees("Nobody can sign in yet")
	if strings.Contains(b.text(), "load the page again") {
		t.Errorf("the page says:\n%s", b.text())
	}
}
