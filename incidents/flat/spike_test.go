package flat_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
)

// perMinute are minutes with so many errors each, the last of which ends at night.
func perMinute(errors ...float64) (out []flat.Minute) {
	begin := night.Add(-time.Duration(len(errors)) * time.Minute)
	for i, n := range errors {
		out = append(out, flat.Minute{At: begin.Add(time.Duration(i) * time.Minute), Errors: n, Seconds: 60, Share: 1})
	}
	return out
}

// none are so many minutes without errors.
func none(minutes int) []float64 { return make([]float64, minutes) }

func TestSpikeIsAboveWhatIsFlatAndBeganLately(t *testing.T) {
	t.Parallel()
	var d flat.Definition
	for name, c := range map[string]struct {
		after []float64     // errors of the minutes after an hour without
		since time.Duration // before night; 0: it is no spike
	}{
		"one error a minute":                {after: []float64{1, 1, 1, 1, 1}},
		"at the limit of flat":              {after: []float64{3, 3, 3, 3, 3}},
		"above it":                          {after: []float64{9, 9, 9, 9, 9}, since: 5 * time.Minute},
		"longer than is looked at":          {after: []float64{9, 9, 0, 9, 9, 9, 9, 9}, since: 8 * time.Minute},
		"after a burst long ago":            {after: append(append([]float64{30, 30}, none(60)...), 9, 9, 9), since: 3 * time.Minute},
		"few errors after a burst long ago": {after: append(append([]float64{30, 30}, none(60)...), 1, 1, 1, 1, 1)},
	} {
		minutes := perMinute(append(none(60), c.after...)...)
		b, ok := d.Baseline(minutes, night.Add(-time.Duration(len(c.after))*time.Minute))
		s := d.Spike(b, minutes, night)
		if !ok || s.Is != (c.since > 0) || s.Is && !s.Since.Equal(night.Add(-c.since)) {
			t.Errorf("%s: got %+v, want since %s", name, s, night.Add(-c.since))
		}
	}
}

func TestSpikeOfMinutesThatNobodyWatchedBeforeBeganWithThem(t *testing.T) {
	t.Parallel()
	var d flat.Definition
	minutes := perMinute(append(none(60), 30, 30, 0, 0, 0, 0, 0, 0, 9, 9, 9)...)
	b, _ := d.Baseline(minutes, night.Add(-11*time.Minute))
	watched := append(minutes[:62:62], minutes[68:]...)
	if s := d.Spike(b, watched, night); !s.Is || !s.Since.Equal(night.Add(-3*time.Minute)) {
		t.Errorf("got %+v", s)
	}
}

func TestNotFlatAndFallingDoNotTakeTurns(t *testing.T) {
	t.Parallel()
	if flat.NotFlat.May(flat.Falling) || !flat.NotFlat.May(flat.Flat) {
		t.Error("what is not flat may become falling, or not flat")
	}
}
