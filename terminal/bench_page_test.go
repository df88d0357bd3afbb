package terminal_test

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
)

// What is promised of the page.
const (
	promisedPaint = 300 * time.Millisecond
	promisedLine  = 500 * time.Millisecond
	visits        = 10
)

// BenchmarkTerminalPage is how long somebody looks at nothing: until the page is painted, on this machine; over a bad network, with what may be
// kept from before, from the tap to the first line of the log, and from a reload to it.
func BenchmarkTerminalPage(b *testing.B) {
	n := served(b)
	p := newPhone(b)
	p.watchForLines()
	for b.Loop() {
		var paints, lines, again figures
		for range visits {
			p.do(chromedp.Navigate("about:blank")) // another link in the same page would reload it
			p.slow(false)
			n.open(p, access.ModeLogs)
			paints = append(paints, p.painted())
			p.do(chromedp.Navigate("about:blank"))
			p.slow(true)
			n.open(p, access.ModeLogs)
			lines = append(lines, p.tapToLine())
			p.do(chromedp.Reload())
			again = append(again, p.lined(0))
		}
		b.Logf("%s: first paint %s; at 400 kbit/s and 200 ms, from the tap to the first line %s, from a reload to it %s", load(), paints, lines, again)
		b.ReportMetric(paints.at(50).Seconds()*1000, "paint-ms")
		b.ReportMetric(lines.at(50).Seconds()*1000, "line-ms")
		b.ReportMetric(again.at(50).Seconds()*1000, "reload-ms")
		b.ReportMetric(paints.at(100).Seconds()*1000, "worst-paint-ms")
		b.ReportMetric(max(lines.at(100), again.at(100)).Seconds()*1000, "worst-line-ms")
		if paints.at(100) > promisedPaint || max(lines.at(100), again.at(100)) > promisedLine {
			b.Errorf("painted after %s at worst, and the first line after %s, or %s; want at most %s and %s", paints.at(100), lines.at(100), again.at(100), promisedPaint, promisedLine)
		}
	}
}

// slow makes a bad mobile network of the browser's, or takes that back.
func (p *phone) slow(yes bool) {
	p.t.Helper()
	if yes {
		p.throttled(50_000)
	} else {
		p.throttled(-1)
	}
}

// throttled has the browser's network carry so many bytes a second, with a latency; -1: as many as it can, without one.
func (p *phone) throttled(throughput float64) {
	p.t.Helper()
	type params struct {
		Offline            bool    `json:"offline"`
		Latency            float64 `json:"latency"`            // ms
		DownloadThroughput float64 `json:"downloadThroughput"` // bytes a second
		UploadThroughput   float64 `json:"uploadThroughput"`
	}
	how := params{DownloadThroughput: throughput, UploadThroughput: throughput}
	if throughput > 0 {
		how.Latency = 200
	}
	emulate := cdp.Command[params, cdp.Empty]{Method: "Network.emulateNetworkConditions"}
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulate, how)
		return err
	}))
}

// painted is when the page's first content was, since the visit began.
func (p *phone) painted() time.Duration {
	p.t.Helper()
	const entry = `performance.getEntriesByName('first-contentful-paint')[0]`
	p.yes("something is painted", entry)
	return ms(ask(p, chromedp.Evaluate[float64](entry+`.startTime`)))
}

// watchForLines notes in every page when there is a line of the log.
func (p *phone) watchForLines() {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.tapped = 0;
			addEventListener('click', e => { if (e.target.id === 'gate-open') tapped = performance.now(); }, true);
			new MutationObserver(() => { if (!window.lined && document.querySelector('#lines .row')) window.lined = performance.now(); })
				.observe(document, {subtree: true, childList: true});`})
		return err
	}))
}

// tapToLine taps, and says how long the page took to show a line of the log.
func (p *phone) tapToLine() time.Duration {
	p.t.Helper()
	p.openGate()
	return p.lined(ask(p, chromedp.Evaluate[float64](`tapped`)))
}

// lined is how long after a moment of the page's, in ms since the visit began, it had a line.
func (p *phone) lined(since float64) time.Duration {
	p.t.Helper()
	p.yes("a line is there", `window.lined`)
	return ms(ask(p, chromedp.Evaluate[float64](`lined`)) - since)
}

func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
