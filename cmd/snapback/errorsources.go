package main

import (
	"cmp"

	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/incidents/flat/prometheus"
)

// errorSources are where errors per minute come from. It is bot.Sources.
type errorSources struct {
	logs    func() []*logtail.Follower // one for each engine, and for each Swarm that was found
	queried *prometheus.Source         // nil where no server is named
}

// Uncounted says why a container's errors can't be counted; "": nothing keeps anybody from it.
func (s errorSources) Uncounted(key string) string {
	problem := ""
	for _, logs := range s.logs() {
		state, _ := logs.State(key)
		problem = cmp.Or(problem, state.Problem)
	}
	return cmp.Or(problem, s.queried.Problem(key))
}

// Reading sums up how logs are read.
func (s errorSources) Reading() logtail.Reading {
	list := s.logs()
	sum := list[0].Reading()
	for _, logs := range list[1:] {
		sum = sum.And(logs.Reading())
	}
	return sum
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
