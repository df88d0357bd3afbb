package demo

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/snapback/snapback/internal/demo/load"
)

// figures are what was measured in the night.
type figures struct {
	deployed              time.Time
	tapped, restored      time.Time
	toAccepted, toMessage time.Duration // from PagerDuty's webhook
	answers               []time.Duration
	toAcknowledged        time.Duration // from the answer to the tap
	toRestored, downtime  time.Duration
	toFlat                time.Duration // from the restore
	before, after         load.Bucket
}

// String is a table for people.
func (f *figures) String() string {
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "\nMeasured\n%s\n", strings.Repeat("─", 60))
	fmt.Fprintf(t, "webhook → answered\t%s\n", millis(f.toAccepted))
	fmt.Fprintf(t, "webhook → message in Slack\t%s\n", millis(f.toMessage))
	fmt.Fprintf(t, "tap → answered, slowest of %d\t%s\n", len(f.answers), millis(slices.Max(f.answers)))
	fmt.Fprintf(t, "tap → acknowledged in PagerDuty\t%s\n", millis(f.toAcknowledged))
	fmt.Fprintf(t, "tap → restored and verified\t%s\n", seconds(f.toRestored))
	fmt.Fprintf(t, "restored → said that errors are flat\t%s\n", seconds(f.toFlat))
	fmt.Fprintf(t, "nobody answered during the restore\t%s\n", seconds(f.downtime))
	fmt.Fprintf(t, "requests that failed, before\t%s\n", share(f.before))
	fmt.Fprintf(t, "requests that failed, after\t%s\n", share(f.after))
	_ = t.Flush() // a Builder takes everything
	return out.String()
}

func share(b load.Bucket) string {
	return fmt.Sprintf("%d of %d (%.0f %%)", b.Failed(), b.Requests(), b.Rate()*100)
}

func millis(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
