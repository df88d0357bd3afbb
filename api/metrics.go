package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics is what is counted. Others register theirs with Registry.
type Metrics struct {
	Registry        *prometheus.Registry
	Requests        *prometheus.CounterVec   // snapback_http_requests_total{route,method,status}
	Seconds         *prometheus.HistogramVec // snapback_http_request_seconds{route,method}
	Refused         *prometheus.CounterVec   // snapback_http_refused_total{code}
	WebhooksStored  prometheus.Counter       // snapback_webhooks_stored_total
	WebhooksRefused *prometheus.CounterVec   // snapback_webhooks_refused_total{reason}
	WebhookTests    *prometheus.CounterVec   // snapback_webhook_tests_total{outcome}
	SlackEvents     *prometheus.CounterVec   // snapback_slack_total{event,outcome}
}

// NewMetrics makes a registry with the API's metrics and those of the program itself.
func NewMetrics() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		Requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snapback_http_requests_total", Help: "Requests answered.",
		}, []string{"route", "method", "status"}),
		Seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "snapback_http_request_seconds", Help: "Seconds until a request was answered.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}, []string{"route", "method"}),
		Refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snapback_http_refused_total", Help: "Requests refused.",
		}, []string{"code"}),
		WebhooksStored: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "snapback_webhooks_stored_total", Help: "PagerDuty webhooks answered 202, with repeated ones.",
		}),
		WebhooksRefused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snapback_webhooks_refused_total", Help: "PagerDuty webhooks that were not taken in as events.",
		}, []string{"reason"}),
		WebhookTests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snapback_webhook_tests_total", Help: "PagerDuty's test calls, as snapback doctor asks for them, and the bot where nothing else has come for an hour. They count among the webhooks as well.",
		}, []string{"outcome"}),
		SlackEvents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snapback_slack_total", Help: "What came from Slack and went there.",
		}, []string{"event", "outcome"}),
	}
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.Requests, m.Seconds, m.Refused, m.WebhooksStored, m.WebhooksRefused, m.WebhookTests, m.SlackEvents)
	for _, reason := range webhookReasons() { // shown as 0 before the first one, so that an alert on them can be written
		m.WebhooksRefused.WithLabelValues(reason)
	}
	for _, outcome := range []string{webhookTestStored, webhookTestRefused} {
		m.WebhookTests.WithLabelValues(outcome)
	}
	return m
}

// Slack counts what the Slack side of the bot reports. Both words come from bounded sets.
func (m *Metrics) Slack(event, outcome string) { m.SlackEvents.WithLabelValues(event, outcome).Inc() }

// observe counts an answered request. Every label has few values: routes are patterns, codes rows of a table.
func (m *Metrics) observe(t *trace, method string, status int, took time.Duration) {
	route := t.pattern()
	m.Requests.WithLabelValues(route, method, statusLabel(status)).Inc()
	m.Seconds.WithLabelValues(route, method).Observe(took.Seconds())
	if t.code != "" {
		m.Refused.WithLabelValues(t.code).Inc()
	}
}
