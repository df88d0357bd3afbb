package terminal_test

import (
	"slices"
	"testing"
	"time"

	"github.com/snapback/snapback/terminal"
)

// What is promised of a page whose network goes and comes back.
const (
	promisedNotice = 4 * time.Second // the page says so after three
	promisedReturn = 2 * time.Second
)

// cuts are how long the network is away: how the page looks for it depends on that.
var cuts = []time.Duration{5 * time.Second, 6 * time.Second, 8 * time.Second, 11 * time.Second, 15 * time.Second, 18 * time.Second}

// BenchmarkTerminalContact is how long a page takes to say that there is no contact, and to find it again. With HTTP/2 all that a page asks
// goes over one connection, which dies with the network. What has been away for longer is found by handshakes that follow each other less
// quickly then, lest the browser makes the page wait.
func BenchmarkTerminalContact(b *testing.B) {
	for name, how := range map[string]struct {
		behind func(testing.TB, ...func(*terminal.Config)) (*night, *line)
		cuts   []time.Duration
	}{
		"HTTP1": {behind, append(slices.Clone(cuts), 45*time.Second)},
		"HTTP2": {behindProxy, cuts},
	} {
		b.Run(name, func(b *testing.B) {
			durable(b)
			n, line := how.behind(b, func(c *terminal.Config) { c.Poll = 3 * time.Second })
			p := newPhone(b)
			p.trustAll()
			n.atPrompt(p)
			for b.Loop() {
				p.cutOff(b, line, how.cuts)
			}
		})
	}
}

func (p *phone) cutOff(b *testing.B, line *line, cuts []time.Duration) {
	b.Helper()
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
	if notices.at(100) > promisedNotice || returns.at(100) > promisedReturn {
		b.Errorf("said after %s at worst, and found again after %s; want at most %s and %s", notices.at(100), returns.at(100), promisedNotice, promisedReturn)
	}
}
