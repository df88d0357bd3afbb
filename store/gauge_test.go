package store_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
)

// Of many containers, those whose errors are up are found in one question, and a day of counts is read of these alone.
func TestGaugeFindsWhoseErrorsAreUp(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	now := time.Now().UTC().Truncate(time.Minute)
	deployed := map[string]time.Time{"engine/uncounted": {}}
	of := func(key string, list []flat.Count) {
		for i := range list {
			list[i].Key = key
		}
		save(t, db, list...)
		deployed[key] = now.Add(-10 * time.Minute)
	}
	of("engine/quiet", counted(now.Add(-40*time.Minute), 40*time.Minute, 0))
	of("engine/usual", counted(now.Add(-40*time.Minute), 40*time.Minute, 0.5))
	of("engine/up", append(counted(now.Add(-40*time.Minute), 36*time.Minute, 0.1), counted(now.Add(-4*time.Minute), 4*time.Minute, 2)...))
	gauge := flat.Gauge{Store: db}
	up, err := gauge.Spikes(t.Context(), deployed, now)
	testkit.OK(t, err)
	if got := slices.Collect(maps.Keys(up)); !slices.Equal(got, []string{"engine/up"}) || !up["engine/up"].Spike.Since.Equal(now.Add(-4*time.Minute)) {
		t.Errorf("up are %+v", up)
	}
	all, err := gauge.At(t.Context(), deployed, now)
	testkit.OK(t, err)
	if len(all) != 3 || flat.Rate(all["engine/usual"].Rate) != "30" || all["engine/up"] != up["engine/up"] || !all["engine/quiet"].Usual.BeforeDeploy {
		t.Errorf("at an alert they are %+v", all)
	}
	if counted, err := gauge.Counted(t.Context(), "engine/quiet", now); err != nil || !counted {
		t.Errorf("one that is counted is not: %v", err)
	}
	if counted, err := gauge.Counted(t.Context(), "engine/uncounted", now); err != nil || counted {
		t.Errorf("one that is not counted is: %v", err)
	}
}
