package picture_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/chart"
	"github.com/snapback/snapback/incidents/flat/picture"
)

var alert = time.Date(2026, 11, 24, 3, 42, 0, 0, time.UTC)

// world is what a Painter asks, in memory.
type world struct {
	minutes  []flat.Minute
	entries  []incidents.Entry
	key      string
	deployed time.Time
	restored string // what it was asked for
	err      error
}

func (w *world) ErrorMinutes(_ context.Context, key string, since time.Time, _ bool) ([]flat.Minute, error) {
	if key != "k/api" {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(w.minutes), func(m flat.Minute) bool { return m.At.Before(since) }), w.err
}

func (w *world) Subject(_ context.Context, _ incidents.Incident, restored string) (string, string, time.Time, error) {
	w.restored = restored
	return w.key, "api", w.deployed, nil
}

func (w *world) Deployed(context.Context, string, time.Time) (time.Time, error) {
	return w.deployed, nil
}

func (w *world) Incident(_ context.Context, id int64) (incidents.Incident, error) {
	_, in := night()
	if id != in.ID {
		return incidents.Incident{}, incidents.ErrUnknown
	}
	return in, nil
}

func (w *world) News(_ context.Context, _, after int64, since time.Time, kinds ...incidents.Kind) ([]incidents.Entry, error) {
	if after != math.MaxInt64 || since.Before(time.Now().Add(time.Hour)) {
		return nil, errors.New("more than those kinds is read")
	}
	return slices.DeleteFunc(slices.Clone(w.entries), func(e incidents.Entry) bool { return !slices.Contains(kinds, e.Kind) }), nil
}

// counted is a night: one error a minute, and twenty from four minutes before the alert until five after it.
func counted() []flat.Minute {
	var out []flat.Minute
	for at := alert.Add(-12 * time.Hour); at.Before(alert.Add(10 * time.Minute)); at = at.Add(time.Minute) {
		n := 1.0
		if !at.Before(alert.Add(-4*time.Minute)) && at.Before(alert.Add(5*time.Minute)) {
			n = 20
		}
		out = append(out, flat.Minute{At: at, Errors: n, Seconds: 60, Share: 1})
	}
	return out
}

func entry(kind incidents.Kind, after time.Duration, details any) incidents.Entry {
	doc, _ := json.Marshal(details)
	return incidents.Entry{Kind: kind, OccurredAt: alert.Add(after), Details: doc}
}

func night() (*world, incidents.Incident) {
	w := &world{minutes: counted(), key: "k/api", deployed: alert.Add(-5 * time.Hour)}
	w.entries = []incidents.Entry{
		entry(incidents.KindDeploy, -5*time.Hour, map[string]string{"container": "api", "before": "shop:1.41", "after": "shop:1.42"}),
		entry(incidents.KindNote, 0, nil),
		entry(incidents.KindRestoreVerified, 4*time.Minute, map[string]string{"container": "api", "kind": "restore"}),
		entry(incidents.KindErrorsFalling, 5*time.Minute, nil), entry(incidents.KindErrorsFlat, 7*time.Minute, nil),
		entry(incidents.KindRestoreVerified, 8*time.Minute, map[string]string{"container": "api", "kind": "undo"}),
	}
	return w, incidents.Incident{ID: 7, ServiceID: "P1", Status: incidents.Acknowledged, OpenedAt: alert, AcknowledgedAt: alert.Add(time.Minute)}
}

func painter(w *world, now time.Duration) picture.Painter {
	return picture.New(picture.Config{Errors: w, Subjects: w, Timeline: w, Now: func() time.Time { return alert.Add(now) }})
}

func TestChartHasTheEventsOfTheNight(t *testing.T) {
	t.Parallel()
	w, in := night()
	c, err := painter(w, 10*time.Minute).Chart(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(c.Events, func(a, b chart.Event) int { return a.At.Compare(b.At) })
	min := func(n int) time.Time { return alert.Add(time.Duration(n) * time.Minute) }
	want := []chart.Event{
		{At: min(-300), Kind: chart.Deploy, Name: "deploy 1.42"}, {At: min(-4), Kind: chart.Spike}, {At: alert, Kind: chart.Alert},
		{At: min(1), Kind: chart.Acknowledged}, {At: min(4), Kind: chart.Restore}, {At: min(5), Kind: chart.Falling},
		{At: min(7), Kind: chart.Flat}, {At: min(8), Kind: chart.Restore, Name: "undone"},
	}
	if d := cmp.Diff(want, c.Events); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(&chart.Baseline{Rate: 1, Upper: 4}, c.Baseline); d != "" || len(c.Minutes) != 360 || c.Service != "api" || w.restored != "api" {
		t.Errorf("baseline (-want +got):\n%s\n%d minutes of %s, asked for the one restored, %q", d, len(c.Minutes), c.Service, w.restored)
	}
}

// Of two containers of one incident, each one's chart has its own deploys, restores and errors alone.
func TestChartLeavesOutWhatHappenedToOtherContainers(t *testing.T) {
	t.Parallel()
	w, in := night()
	want, err := painter(w, 10*time.Minute).Chart(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{"container": "web", "before": "web:1", "after": "web:2"}
	twin := map[string]string{"container": "api", "key": "far/api", "kind": "restore"} // another engine's
	w.entries = append([]incidents.Entry{entry(incidents.KindRestoreVerified, 2*time.Minute, twin)}, w.entries...)
	w.entries = append([]incidents.Entry{
		entry(incidents.KindDeploy, -time.Hour, of), entry(incidents.KindRestoreVerified, 2*time.Minute, of),
		entry(incidents.KindErrorsFalling, 3*time.Minute, of), entry(incidents.KindErrorsFlat, 3*time.Minute, of),
		entry(incidents.KindErrorsBack, 4*time.Minute, of), entry(incidents.KindDeployBack, 5*time.Minute, of),
	}, w.entries...)
	got, err := painter(w, 10*time.Minute).Chart(t.Context(), in)
	if d := cmp.Diff(want.Events, got.Events); err != nil || d != "" {
		t.Errorf("web's night is in the chart of api (-without +with it): %v\n%s", err, d)
	}
	p, err := painter(w, 10*time.Minute).Picture(t.Context(), in)
	if err != nil || strings.Count(p.Words, "flat at") != 1 || strings.Count(p.Words, "deploy ") != 1 {
		t.Errorf("the export's picture says %q: %v", p.Words, err)
	}
}

// TestChartKeepsWhatHappenedUnderAnEarlierName: some tools name containers anew with each deploy.
func TestChartKeepsWhatHappenedUnderAnEarlierName(t *testing.T) {
	t.Parallel()
	w, in := night()
	want, err := painter(w, 10*time.Minute).Chart(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range w.entries {
		var details map[string]any
		if json.Unmarshal(e.Details, &details) == nil && details["container"] == "api" {
			details["container"], details["key"] = "api-2f9c1", "k/api"
			w.entries[i].Details, _ = json.Marshal(details)
		}
	}
	got, err := painter(w, 10*time.Minute).Chart(t.Context(), in)
	if d := cmp.Diff(want.Events, got.Events); err != nil || d != "" {
		t.Errorf("%v (-as it was called +as it is called now):\n%s", err, d)
	}
}

func TestChartEndsWithTheIncident(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		now, resolved, want time.Duration // after the alert
	}{
		"open":                        {now: time.Hour, want: time.Hour},
		"resolved just now":           {now: time.Hour, resolved: time.Hour, want: time.Hour},
		"resolved in the night":       {now: 7 * time.Hour, resolved: time.Hour, want: time.Hour + 10*time.Minute},
		"resolved the next afternoon": {now: 14 * time.Hour, resolved: 12 * time.Hour, want: 5 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := night()
			if c.resolved > 0 {
				in.Status, in.ResolvedAt = incidents.Resolved, alert.Add(c.resolved)
			}
			got, err := painter(w, c.now).Chart(t.Context(), in)
			if err != nil || !got.To.Equal(alert.Add(c.want)) || !got.From.Equal(got.To.Add(-6*time.Hour)) {
				t.Errorf("from %s to %s: %v", got.From, got.To, err)
			}
		})
	}
}

func TestWithoutErrorsThereIsNoPicture(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world){
		"nobody knows whose": func(w *world) { w.key = "" }, "of another container": func(w *world) { w.key = "k/other" },
		"nobody counted": func(w *world) { w.minutes = nil },
		"it is long ago": func(w *world) { w.minutes = w.minutes[:60] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := night()
			change(w)
			if _, err := painter(w, 0).Chart(t.Context(), in); !errors.Is(err, picture.ErrNone) {
				t.Errorf("it says %v", err)
			}
			if p, err := painter(w, 0).Picture(t.Context(), in); err != nil || p.SVG != nil || p.Words != "" {
				t.Errorf("an export has %q: %v", p.Words, err)
			}
		})
	}
	w, in := night()
	w.err = errors.New("the database is away")
	if _, err := painter(w, 0).Picture(t.Context(), in); err == nil {
		t.Error("silence of the database is taken for none")
	}
}

// A deploy that the timeline does not tell of yet is known to whoever knows the container.
func TestChartKnowsADeployThatIsNotOnTheTimeline(t *testing.T) {
	t.Parallel()
	w, in := night()
	w.entries = nil
	c, err := painter(w, 0).Chart(t.Context(), in)
	if err != nil || !slices.Contains(c.Events, chart.Event{At: w.deployed, Kind: chart.Deploy}) {
		t.Errorf("%+v: %v", c.Events, err)
	}
	if text := c.AltText(); !strings.Contains(text, "deploy at 22:42") {
		t.Errorf("in words: %s", text)
	}
}

func TestLiveSaysTheFiguresOfOneContainer(t *testing.T) {
	t.Parallel()
	w, in := night()
	other := entry(incidents.KindRestoreVerified, 9*time.Minute, map[string]string{"container": "pay", "kind": "restore"})
	w.entries = append(w.entries[:len(w.entries)-1], other)
	w.entries[4].Details, _ = incidents.Details(flat.Told{Container: "api", Short: "Flat since 03:49"})
	got, err := painter(w, 10*time.Minute).Live(t.Context(), in.ID, "k/api", "api", true)
	if err != nil || got.Figures != "1.0 a minute, was 20, baseline 1.0" || got.Said != "Flat since 03:49" {
		t.Errorf("%q, %q: %v", got.Figures, got.Said, err)
	}
	if twin, err := painter(w, 10*time.Minute).Live(t.Context(), in.ID, "k/api", "web/api", true); err != nil || twin.Said != "Flat since 03:49" {
		t.Errorf("called with its engine, it says %q: %v", twin.Said, err)
	}
	if svg := string(got.SVG); strings.Count(svg, "restored at") != 1 || strings.Contains(svg, "prefers-color-scheme") {
		t.Errorf("the picture is of another container, or not dark: %.400s", svg)
	}
	got, err = painter(w, 10*time.Minute).Live(t.Context(), 0, "k/api", "api", false)
	if err != nil || got.Figures != "1.0 a minute, baseline 1.0" || got.Said != "" || !strings.Contains(string(got.SVG), "prefers-color-scheme") {
		t.Errorf("outside incidents: %q, %q: %v", got.Figures, got.Said, err)
	}
	got, err = painter(w, 20*time.Minute).Live(t.Context(), 0, "k/api", "api", false)
	if err != nil || got.Figures != "Not known: nothing has been counted since 03:52, baseline 1.0" {
		t.Errorf("when nobody counts any more: %q: %v", got.Figures, err)
	}
}

func TestLiveSaysThatARateIsFromASample(t *testing.T) {
	t.Parallel()
	w, in := night()
	for i := range w.minutes {
		w.minutes[i].Errors, w.minutes[i].Share = w.minutes[i].Errors/25, 0.04
	}
	got, err := painter(w, 10*time.Minute).Live(t.Context(), in.ID, "k/api", "api", false)
	if err != nil || !strings.HasPrefix(got.Figures, "1.0 a minute (from a sample)") {
		t.Errorf("it says %q: %v", got.Figures, err)
	}
}
