package browsertest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// axeRun leaves what was found in window.axed: one line for each element that is not as WCAG 2.2 AA wants it.
const axeRun = `window.axed = null; axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then(
	r => { window.axed = r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.target.join(' ') + ': ' + (n.failureSummary ?? '').replace(/\s+/g, ' '))); },
	e => { window.axed = ['axe: ' + e]; }); 0`

// Axe is what axe-core finds wrong with the page that a tab shows. source is its axe.min.js, in a front end's node_modules; without it
// the test is skipped.
func Axe(t testing.TB, ctx context.Context, source string) []string {
	t.Helper()
	script, err := os.ReadFile(source)
	if err != nil {
		t.Skip("axe-core is not installed: make web installs it")
	}
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](string(script)+"\n0"), chromedp.Evaluate[chromedp.Void](axeRun)); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); <-tick.C {
		done, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`Array.isArray(window.axed)`))
		if err != nil {
			t.Fatal(err)
		}
		if done {
			found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`window.axed`))
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
	}
	t.Fatal("axe-core took more than a minute")
	return nil
}
