// Package browsertest is for tests that need a real browser: Debian's Chromium, headless, with a profile of its own for
// each tab.
package browsertest

import (
	"context"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// starts is how often Chromium is started before a test gives up: on a machine that is busy with other tests, it has
// been seen to crash before it listened.
const starts = 3

// New is a tab that lives as long as the test. Without Chromium the test is skipped.
func New(t testing.TB) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no Chromium on this machine: scripts/setup chromium installs it")
	}
	for n := 1; ; n++ {
		ctx, stop := tab(path)
		err := chromedp.Do(ctx)
		if err == nil {
			t.Cleanup(stop)
			return ctx
		}
		stop()
		if n == starts {
			t.Fatalf("starting Chromium, %d times: %v", n, err)
		}
		t.Logf("starting Chromium once more: %v", err)
	}
}

// tab is not started yet. It takes no time limit: the first action starts the browser, which lives as long as that
// action's context.
func tab(path string) (context.Context, func()) {
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true)) // both would look for the internet
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	return ctx, func() { cancel(); stop() }
}
