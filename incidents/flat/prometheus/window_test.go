package prometheus_test

import (
	"testing"

	"github.com/snapback/snapback/incidents/flat/prometheus"
)

func TestRangesOfMoreThanTwoMinutesAreFound(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		`sum(rate(http_requests_total{code=~"5.."}[1m])) * 60`: "", `increase(errors[2m]) / 2`: "", `shop:errors`: "", `errors{path=~"/a[0-9]"}`: "",
		`sum(rate(http_requests_total{code=~"5.."}[5m])) * 60`:   "5m",
		`rate(a[150s]) + rate(b[1h])`:                            "1h",
		`max_over_time(rate(errors[1m])[10m:1m])`:                "10m",
		`sum(rate(errors[ 1m30s ])) + sum(rate(others[ 2m1s ]))`: "2m1s",
	} {
		if got := prometheus.LongRange(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}
