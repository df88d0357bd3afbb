package page_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/internal/demo/load"
)

func TestTheChartHasItsDataAsJSON(t *testing.T) {
	t.Parallel()
	w := setup(t)
	resp, err := http.Get(w.url + "/load")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var got load.Summary
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if len(got.Buckets) != 180 || got.Buckets[179].Errors == 0 || got.ErrorsPerMinute != 948 {
		t.Errorf("%d buckets, %d errors a minute", len(got.Buckets), got.ErrorsPerMinute)
	}
}

func TestOnlyThisMachinesOwnPageMayTap(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(t, alert()...)
	tests := []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"another site", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
		{"another name", func(r *http.Request) { r.Host = "evil.example" }, http.StatusForbidden},
		{"a form", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, http.StatusUnsupportedMediaType},
		{"no JSON", func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), 1 }, http.StatusBadRequest},
		{"something that is gone", func(*http.Request) {}, http.StatusConflict},
	}
	for _, tt := range tests {
		r, _ := http.NewRequest(http.MethodPost, w.url+"/tap", bytes.NewReader([]byte(`{"ts":"1.2","block_id":"b","action_id":"restore","value":""}`)))
		r.Header.Set("Content-Type", "application/json")
		tt.change(r)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, resp.StatusCode, tt.want)
		}
	}
	if n := w.app.count(); n != 0 {
		t.Errorf("%d taps arrived", n)
	}
}

// TestAButtonThatHasChangedIsNotTapped: what was seen and what would be sent must be the same.
func TestAButtonThatHasChangedIsNotTapped(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ts := w.post(t, alert()...)
	m, _ := w.channel.Message(ts)
	seen := m.Button("Acknowledge")
	doc, _ := json.Marshal(map[string]string{"ts": ts, "block_id": seen.BlockID, "action_id": seen.ActionID, "value": "another"})
	resp, err := http.Post(w.url+"/tap", "application/json", bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusConflict || w.app.count() != 0 {
		t.Errorf("%d, and %d taps arrived", resp.StatusCode, w.app.count())
	}
}

func TestBrowserDesktopShowsPhoneAndSide(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(t, alert()...)
	ctx := browser(t, desktop)
	run(t, ctx, browsertest.Load(w.url), visible("[data-action=restore]"), visible("#log li"))
	size := get(t, ctx, chromedp.Evaluate[struct{ W, H float64 }](`(() => { const r = document.querySelector(".screen").getBoundingClientRect(); return { W: r.width, H: r.height } })()`))
	if size.W != 390 || size.H != 844 {
		t.Errorf("the phone's screen is %v × %v", size.W, size.H)
	}
	shoot(t, ctx, "desktop")
}
