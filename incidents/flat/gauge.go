package flat

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Alert is what a container's errors were when an alert came.
type Alert struct {
	Rate     float64 // errors per minute, of the last minutes before it
	Sampled  bool    // Rate is an estimate: not all lines were read
	Usual    Baseline
	Compared bool // Usual is known
	Spike    Spike
}

// Counts reads what was counted of several containers at once.
type Counts interface {
	// ErrorMinutesOf lists, by key, what is kept of containers from since on, oldest first, in one question. Who was not counted is not
	// in it.
	ErrorMinutesOf(ctx context.Context, keys []string, since time.Time) (map[string][]Minute, error)
}

// Gauge reads what was counted.
type Gauge struct {
	Store      Counts
	Definition Definition
}

// At is what containers' errors were at an alert of the moment opened, by key, each after its deploy (the zero time: none is known).
// Whom nobody counted is not in it.
func (g Gauge) At(ctx context.Context, deployed map[string]time.Time, opened time.Time) (map[string]Alert, error) {
	minutes, err := g.Store.ErrorMinutesOf(ctx, slices.Collect(maps.Keys(deployed)), opened.Add(-KeepMinutes))
	if err != nil {
		return nil, err
	}
	alerts := map[string]Alert{}
	for key, list := range minutes {
		if a, counted := g.Definition.at(list, deployed[key], opened); counted {
			alerts[key] = a
		}
	}
	return alerts, nil
}

func (d Definition) at(minutes []Minute, deployed, opened time.Time) (Alert, bool) {
	last := between(minutes, opened.Add(-d.minutes(spikeMinutes)), opened)
	if len(last) == 0 {
		return Alert{}, false
	}
	a := Alert{Rate: sum(last).Rate(), Sampled: sum(last).Sampled()}
	if a.Usual, a.Compared = d.Usual(minutes, deployed, opened); a.Compared {
		if a.Spike = d.Spike(a.Usual, minutes, opened); a.Spike.Is {
			a.Rate = a.Spike.Rate
		}
	}
	return a, true
}

// Spikes are those whose errors are up now. It reads a day of those alone that have as many errors in the last minutes as a spike has
// at least.
func (g Gauge) Spikes(ctx context.Context, deployed map[string]time.Time, now time.Time) (map[string]Alert, error) {
	lately, err := g.Store.ErrorMinutesOf(ctx, slices.Collect(maps.Keys(deployed)), now.Add(-g.Definition.minutes(spikeMinutes)))
	if err != nil {
		return nil, err
	}
	perhaps := map[string]time.Time{}
	for key, minutes := range lately {
		if sum(minutes).Errors >= spikeErrors {
			perhaps[key] = deployed[key]
		}
	}
	if len(perhaps) == 0 {
		return nil, nil
	}
	alerts, err := g.At(ctx, perhaps, now)
	maps.DeleteFunc(alerts, func(_ string, a Alert) bool { return !a.Spike.Is })
	return alerts, err
}

// Spiking implements snapshot.Spikes's Errors.
func (g Gauge) Spiking(ctx context.Context, key string, deployed, at time.Time) (bool, error) {
	up, err := g.Spikes(ctx, map[string]time.Time{key: deployed}, at)
	return up[key].Spike.Is, err
}

// Counted says whether a Judge will say something of a container's errors after a restore of the moment now: whether anything was counted of
// it within the day. Of one that had ended minutes before its restore, nothing was lately.
func (g Gauge) Counted(ctx context.Context, key string, now time.Time) (bool, error) {
	minutes, err := g.Store.ErrorMinutesOf(ctx, []string{key}, now.Add(-KeepMinutes))
	return len(minutes[key]) > 0, err
}

// Recent is what was counted in the last minutes before a moment, of fine steps. It returns false when nothing was.
func (d Definition) Recent(moments []Minute, now time.Time) (last Minute, counted bool) {
	last = sum(between(moments, now.Add(-d.minutes(recentMinutes)), now))
	return last, last.Exposure() > 0
}
