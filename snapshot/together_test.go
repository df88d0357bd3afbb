package snapshot_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
)

func TestDeploysOfAProjectThatComeCloseTogetherAreOne(t *testing.T) {
	t.Parallel()
	night := time.Date(2026, 3, 1, 22, 55, 0, 0, time.UTC)
	type at struct {
		key   string
		after int // seconds
	}
	for name, c := range map[string]struct {
		deploys []at
		want    [][]string
	}{
		"none":                      {},
		"one":                       {[]at{{"api", 0}}, [][]string{{"api"}}},
		"at once":                   {[]at{{"api", 0}, {"web", 0}}, [][]string{{"api", "web"}}},
		"in any order":              {[]at{{"web", 3}, {"api", 0}}, [][]string{{"api", "web"}}},
		"each waits for the last":   {[]at{{"db", 0}, {"api", 60}, {"web", 120}}, [][]string{{"db", "api", "web"}}},
		"too far apart":             {[]at{{"db", 0}, {"api", 61}, {"web", 62}}, [][]string{{"db"}, {"api", "web"}}},
		"twice, a mend soon after":  {[]at{{"api", 0}, {"web", 1}, {"api", 30}, {"web", 31}}, [][]string{{"api", "web"}, {"api", "web"}}},
		"the same one all the time": {[]at{{"api", 0}, {"api", 10}, {"api", 20}}, [][]string{{"api"}, {"api"}, {"api"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var list []snapshot.Deploy
			for i, d := range c.deploys {
				list = append(list, snapshot.Deploy{ID: int64(i + 1), Key: d.key, At: night.Add(time.Duration(d.after) * time.Second)})
			}
			var got [][]string
			for _, one := range snapshot.OneByOne(list) {
				var keys []string
				for _, d := range one {
					keys = append(keys, d.Key)
				}
				got = append(got, keys)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestNamesAreFew(t *testing.T) {
	t.Parallel()
	for want, names := range map[string][]string{
		"": nil, "api": {"api"}, "api and web": {"api", "web"}, "api, web and db": {"api", "web", "db"}, "a, b, c and 2 more": {"a", "b", "c", "d", "e"},
	} {
		if got := snapshot.Names(names); got != want {
			t.Errorf("%v: %q, want %q", names, got, want)
		}
	}
}
