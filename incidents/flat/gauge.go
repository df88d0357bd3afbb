package flat

import (
	"context"
	"time"
)

// countedWithin is how long ago something was counted of a container that is being measured.
const countedWithin = 3 * time.Minute

// Alert is what a container's errors were when an alert came.
type Alert struct {
	Rate     float64 // errors per minute, of the last minutes before it
	Usual    Baseline
	Compared bool // Usual is known
	Spike    Spike
}

// Gauge reads what was counted.
type Gauge struct {
	Store      Store
	Definition Definition
}

// At is what a container's errors were at an alert of the moment opened, after a deploy (the zero time: none is known). It
// returns false when nobody counted them.
func (g Gauge) At(ctx context.Context, key string, deployed, opened time.Time) (Alert, bool, error) {
	minutes, err := g.Store.ErrorMinutes(ctx, key, opened.Add(-KeepMinutes), false)
	if err != nil {
		return Alert{}, false, err
	}
	last := between(minutes, opened.Add(-g.Definition.minutes(spikeMinutes)), opened)
	if len(last) == 0 {
		return Alert{}, false, nil
	}
	a := Alert{Rate: sum(last).Rate()}
	if a.Usual, a.Compared = g.Definition.Usual(minutes, deployed, opened); a.Compared {
		if a.Spike = g.Definition.Spike(a.Usual, minutes, opened); a.Spike.Is {
			a.Rate = a.Spike.Rate
		}
	}
	return a, true, nil
}

// Counted says whether a container's errors are being counted at the moment now.
func (g Gauge) Counted(ctx context.Context, key string, now time.Time) (bool, error) {
	minutes, err := g.Store.ErrorMinutes(ctx, key, now.Add(-g.Definition.minutes(1)-countedWithin), false)
	return len(minutes) > 0, err
}

// Recent is errors per minute in the last minutes before a moment, of fine steps. It returns false when nobody counted them.
func (d Definition) Recent(moments []Minute, now time.Time) (rate float64, counted bool) {
	last := sum(between(moments, now.Add(-d.minutes(recentMinutes)), now))
	return last.Rate(), last.Exposure() > 0
}
