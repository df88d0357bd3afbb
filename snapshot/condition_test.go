package snapshot_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
)

// patient is an engine with one container.
type patient snapshot.Condition

func (p patient) Condition(context.Context, string, int, bool) (snapshot.Condition, error) {
	return snapshot.Condition(p), nil
}

// seen is what a watch remembers.
type seen snapshot.Restarts

func (s seen) Restarts(string, time.Time) snapshot.Restarts { return snapshot.Restarts(s) }

func TestRestartsAreThoseThatHaveATime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 3, 42, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		is   snapshot.Condition
		seen snapshot.RestartsSeen
		want snapshot.Restarts
	}{
		"seen all along":                     {snapshot.Condition{ByEngine: 400, CreatedAt: ago(day)}, seen{Times: 7, Since: ago(time.Hour)}, snapshot.Restarts{Times: 7, Since: ago(time.Hour)}},
		"the bot came lately":                {snapshot.Condition{ByEngine: 400, CreatedAt: ago(day)}, seen{Since: ago(time.Minute)}, snapshot.Restarts{Since: ago(time.Minute)}},
		"the bot came lately, as did it":     {snapshot.Condition{ByEngine: 4, CreatedAt: ago(time.Hour / 4)}, seen{Times: 1, Since: ago(time.Minute)}, snapshot.Restarts{Times: 4, Since: ago(time.Hour / 4)}},
		"nobody watches, and it is too old":  {snapshot.Condition{ByEngine: 4, CreatedAt: ago(day)}, nil, snapshot.Restarts{Since: now}},
		"more were seen than the engine did": {snapshot.Condition{ByEngine: 1, CreatedAt: ago(time.Hour / 4)}, seen{Times: 3, Since: ago(time.Hour / 2)}, snapshot.Restarts{Times: 3, Since: ago(time.Hour / 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := snapshot.Examiner{Engine: patient(c.is), Watch: c.seen, Now: func() time.Time { return now }}
			got, err := e.Condition(t.Context(), snapshot.Container{}, false)
			if d := cmp.Diff(c.want, got.Restarts); d != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
		})
	}
}

const day = 24 * time.Hour

func TestTheLastErrorsOfALogAreShown(t *testing.T) {
	t.Parallel()
	line := func(text string, stderr bool) snapshot.LogLine { return snapshot.LogLine{Text: text, Stderr: stderr} }
	out, bad := line("GET / 200", false), line("level=error msg=panic", true)
	for name, c := range map[string]struct {
		log      []snapshot.LogLine
		want     []snapshot.LogLine
		ordinary bool
	}{
		"none":           {},
		"no errors":      {[]snapshot.LogLine{out, out}, []snapshot.LogLine{out, out}, true},
		"some":           {[]snapshot.LogLine{bad, out, out}, []snapshot.LogLine{bad}, false},
		"more than five": {[]snapshot.LogLine{line("level=error msg=first", true), bad, bad, out, bad, bad, bad}, []snapshot.LogLine{bad, bad, bad, bad, bad}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := snapshot.Examiner{Engine: patient{Lines: c.log}}.Condition(t.Context(), snapshot.Container{}, true)
			if d := cmp.Diff(c.want, got.Lines); d != "" && len(c.want)+len(got.Lines) > 0 || err != nil || got.Ordinary != c.ordinary {
				t.Errorf("%v, ordinary %v (-want +got):\n%s", err, got.Ordinary, d)
			}
		})
	}
}

func TestExitCodesHaveTheirMeaning(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{0: "", 1: "", 127: "its command was not found", 137: "killed", 139: "segmentation fault", 140: "signal 12", 143: "told to stop", 255: ""} {
		if got := snapshot.ExitMeaning(code, false); got != want {
			t.Errorf("%d means %q, want %q", code, got, want)
		}
	}
	if got := snapshot.ExitMeaning(137, true); got != "out of memory" {
		t.Errorf("137 for lack of memory means %q", got)
	}
}
