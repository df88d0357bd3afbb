package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/internal/testkit"
)

const (
	promisedPaint = 300.0 // ms
	consoleVisits = 10
)

// BenchmarkTerminalConsole is how long somebody who opens the bookmark looks at nothing.
func BenchmarkTerminalConsole(b *testing.B) {
	s, port := newStage(b), testkit.FreePort(b)
	at := fmt.Sprintf("http://localhost:%d", port)
	s.serve(s.postgres(), fmt.Sprintf("SNAPBACK_LISTEN=127.0.0.1:%d", port), "SNAPBACK_PUBLIC_URL="+at)
	tab := browsertest.New(b)
	for b.Loop() {
		var paints figures
		for range consoleVisits {
			testkit.OK(b, chromedp.Do(tab, chromedp.Navigate("about:blank"), chromedp.Navigate(at+"/")))
			paints = append(paints, firstPaint(b, func(js string) (float64, error) { return chromedp.Run(tab, chromedp.Evaluate[float64](js)) }))
		}
		b.Logf("load %s: the console's first paint: median %.0f ms, worst of %d %.0f ms", load(), paints.ms(50), len(paints), paints.ms(100))
		b.ReportMetric(paints.ms(50), "paint-ms")
		if paints.ms(50) > promisedPaint {
			b.Errorf("the console is painted after %.0f ms, want at most %.0f", paints.ms(50), promisedPaint)
		}
	}
}

// firstPaint waits until a page shows something, and says how long after the visit's begin that was.
func firstPaint(b *testing.B, ask func(js string) (float64, error)) time.Duration {
	b.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); <-tick.C {
		ms, err := ask(`performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0`)
		testkit.OK(b, err)
		if ms > 0 {
			return time.Duration(ms * float64(time.Millisecond))
		}
	}
	b.Fatal("the page was not painted within a minute")
	return 0
}
