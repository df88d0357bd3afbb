package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/chart"
	"github.com/snapback/snapback/incidents/flat/picture"
)

func (w *world) ErrorMinutes(_ context.Context, key string, since time.Time, _ bool) ([]flat.Minute, error) {
	if key != "key-api" || since.After(night) {
		return nil, w.failAll
	}
	return []flat.Minute{
		{At: night, Errors: 3, Requests: 900, Traffic: true, Seconds: 30, Share: 0.5},
		{At: night.Add(time.Minute), Errors: 1, Seconds: 60, Share: 1},
	}, w.failAll
}

func (w *world) Chart(ctx context.Context, in incidents.Incident) (chart.Chart, error) {
	if in.ID != 1 {
		return chart.Chart{}, picture.ErrNone
	}
	minutes, err := w.ErrorMinutes(ctx, "key-api", time.Time{}, false)
	return chart.Chart{Service: "<api>", To: night.Add(time.Hour), Minutes: minutes}, err
}

func TestErrorsOfAContainer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	since := night.Add(-time.Hour).Format(time.RFC3339)
	rec := b.do(t, request{path: "/containers/checkout/errors?since=" + since})
	var got wire.Errors
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != 200 {
		t.Fatalf("%d %s: %v", rec.Code, rec.Body, err)
	}
	requests := 900.0
	want := wire.Errors{Container: "api", Since: night.Add(-time.Hour), Minutes: []wire.ErrorMinute{
		{At: night, Errors: 3, Rate: 12, Requests: &requests, Seconds: 30, Share: 0.5},
		{At: night.Add(time.Minute), Errors: 1, Rate: 1, Seconds: 60, Share: 1},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for path, want := range map[string]string{
		"/containers/api/errors":               `"minutes":[]`, // of the last hours there are none
		"/containers/api/errors?since=90m":     `"minutes":[]`,
		"/containers/api/errors?since=tonight": `"malformed"`,
		"/containers/api/errors?since=-5m":     `"malformed"`,
		"/containers/nobody/errors":            `"unknown_container"`,
	} {
		if rec := b.do(t, request{path: path}); !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

func TestChartOfAnIncident(t *testing.T) {
	t.Parallel()
	b := setup(t)
	svg := b.do(t, request{path: "/incidents/4711/chart"})
	if kind := svg.Header().Get("Content-Type"); kind != "image/svg+xml" || !strings.Contains(svg.Body.String(), "Errors a minute of &lt;api&gt;") {
		t.Errorf("%d %s %s", svg.Code, kind, svg.Body)
	}
	if csp := svg.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") || strings.Contains(csp, "script") {
		t.Errorf("it may be opened as a page with %q", csp)
	}
	rec := b.do(t, request{path: "/incidents/4711/chart?format=png&theme=dark"})
	if picture, err := png.Decode(bytes.NewReader(rec.Body.Bytes())); err != nil || picture.Bounds().Dx() != 3*390 || rec.Header().Get("Content-Type") != "image/png" {
		t.Errorf("%d %v: %v", rec.Code, rec.Header(), err)
	}
	for path, status := range map[string]int{
		"/incidents/4711/chart?format=gif": 400, "/incidents/4711/chart?theme=pink": 400, "/incidents/4712/chart": 404, "/incidents/1234/chart": 404,
	} {
		if rec := b.do(t, request{path: path}); rec.Code != status {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}
