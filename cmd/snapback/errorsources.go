package main

import (
	"cmp"

	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/incidents/flat/prometheus"
)

// errorSources are where errors per minute come from. It is bot.Sources.
type errorSources struct {
	logs    *logtail.Follower
	queried *prometheus.Source // nil where no server is named
}

// Uncounted says why a container's errors can't be counted; "": nothing keeps anybody from it.
func (s errorSources) Uncounted(key string) string {
	state, _ := s.logs.State(key)
	return cmp.Or(state.Problem, s.queried.Problem(key))
}

// prometheusSource is nil where no server is named.
func prometheusSource(c config, with prometheus.Config) (*prometheus.Source, error) {
	if c.PrometheusURL == "" {
		return nil, nil
	}
	client, err := prometheus.NewClient(c.PrometheusURL, c.PrometheusToken)
	with.Client = client
	return prometheus.New(with), err
}
