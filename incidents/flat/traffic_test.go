package flat_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
)

// hour is minutes of ten requests each up to night, but for those that are changed.
func hour(change func(i int, m *flat.Minute)) (list []flat.Minute) {
	for i := range 60 {
		m := flat.Minute{At: night.Add(time.Duration(i-60) * time.Minute), Requests: 10, Traffic: true, Seconds: 60, Share: 1}
		change(i, &m)
		list = append(list, m)
	}
	return list
}

func TestALogThatTellsOfNoRequestIsNotFlat(t *testing.T) {
	t.Parallel()
	b, ok := flat.Definition{}.Baseline(hour(func(int, *flat.Minute) {}), night)
	if !ok {
		t.Fatal("there is no baseline")
	}
	a := flat.After{Baseline: b, Since: night, Now: night.Add(6 * time.Minute)}
	for at := night; at.Before(a.Now); at = at.Add(10 * time.Second) {
		a.Moments = append(a.Moments, flat.Minute{At: at, Seconds: 10, Share: 1})
	}
	if v := (flat.Definition{}).Judge(a); v.State != flat.Quiet {
		t.Errorf("it is said to be %s", v.State)
	}
}

func TestAMinuteWithoutKnownRequestsDoesNotSpoilTheHour(t *testing.T) {
	t.Parallel()
	unknown := func(m *flat.Minute) { m.Requests, m.Traffic = 0, false }
	b, _ := flat.Definition{}.Baseline(hour(func(i int, m *flat.Minute) {
		if i == 0 {
			unknown(m)
		}
	}), night)
	if !b.Traffic || b.Requests != 10 {
		t.Errorf("one minute is unknown of sixty: %+v", b)
	}
	b, _ = flat.Definition{}.Baseline(hour(func(i int, m *flat.Minute) {
		if i > 1 {
			unknown(m)
		}
	}), night)
	if b.Traffic {
		t.Errorf("two minutes are known of sixty: %+v", b)
	}
}
