package terminal_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/terminal"
)

// What is promised of a page whose network goes and comes back.
const (
	promisedNotice = 4 * time.Second // of each: the page says so after three
	promisedReturn = 2 * time.Second // of the median
)

// cuts are how long the network is away: how the page looks for it depends on that.
var cuts = []time.Duration{4 * time.Second, 5 * time.Second, 6 * time.Second, 8 * time.Second, 11 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute}

// BenchmarkTerminalContact is how long a page takes to say that there is no contact, and to find it again.
func BenchmarkTerminalContact(b *testing.B) {
	durable(b)
	n, line := behind(b, func(c *terminal.Config) { c.Poll = 3 * time.Second })
	p := newPhone(b)
	n.atPrompt(p)
	for b.Loop() {
		var notices, returns figures
		for _, long := range cuts {
			gone := time.Now()
			line.hole(true)
			p.yes("it says that there is no contact", `!`+contact)
			notices = append(notices, time.Since(gone))
			time.Sleep(long - time.Since(gone)) // that is what is measured
			back := time.Now()
			line.hole(false)
			p.yes("there is contact again", contact)
			returns = append(returns, time.Since(back))
		}
		b.Logf("%s: that the network is away is said after %s; it is found again after %s: %v", load(), notices, returns, []time.Duration(returns))
		b.ReportMetric(notices.at(100).Seconds()*1000, "worst-notice-ms")
		b.ReportMetric(returns.at(50).Seconds()*1000, "return-ms")
		b.ReportMetric(returns.at(100).Seconds()*1000, "worst-return-ms")
		if notices.at(100) > promisedNotice || returns.at(50) > promisedReturn {
			b.Errorf("said after %s at worst, and found again after %s; want at most %s and %s", notices.at(100), returns.at(50), promisedNotice, promisedReturn)
		}
	}
}
