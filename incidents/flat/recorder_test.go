package flat_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents/flat"
)

var night = time.Date(2026, 3, 5, 3, 42, 0, 0, time.UTC)

// memory is a Store that can be away. It keeps what it was given.
type memory struct {
	mu    sync.Mutex
	away  error
	saved []flat.Count
}

func (m *memory) SaveErrors(_ context.Context, counts []flat.Count, _ flat.Steps) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away == nil {
		m.saved = append(m.saved, counts...)
	}
	return m.away
}

func (m *memory) ErrorMinutes(context.Context, string, time.Time, bool) ([]flat.Minute, error) {
	return nil, nil
}

func one(key string, from time.Time, lasts time.Duration, errs float64) flat.Count {
	return flat.Count{Key: key, From: from, To: from.Add(lasts), Errors: errs, Share: 1}
}

func TestRecorderKeepsCountsWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	m := &memory{away: errors.New("away")}
	r := flat.NewRecorder(flat.RecorderConfig{Store: m})
	for i := range 12 {
		must(t, r.Add(t.Context(), one("a", night.Add(time.Duration(i)*time.Second), time.Second, 1)))
		if err := r.Flush(t.Context()); err == nil {
			t.Fatal("a flush succeeded without a database")
		}
	}
	m.away = nil
	must(t, r.Stop(t.Context()))
	want := []flat.Count{one("a", night, 10*time.Second, 10), one("a", night.Add(10*time.Second), 2*time.Second, 2)}
	if diff := cmp.Diff(want, m.saved); diff != "" {
		t.Error(diff)
	}
}

func TestRecorderRefusesWhatIsNoCount(t *testing.T) {
	t.Parallel()
	r := flat.NewRecorder(flat.RecorderConfig{Store: &memory{}})
	for _, c := range []flat.Count{one("", night, time.Second, 1), one("a", night, 0, 1), one("a", night, -time.Second, 1), one("a", night, 2*time.Minute, 1)} {
		if err := r.Add(t.Context(), c); !errors.Is(err, flat.ErrBadCount) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func TestSplitSharesACountOutByTime(t *testing.T) {
	t.Parallel()
	got, to := flat.Split([]flat.Count{one("a", night.Add(-20*time.Second), 60*time.Second, 60)}, time.Time{}, time.Minute)
	want := []flat.Minute{
		{At: night.Add(-time.Minute), Errors: 20, Seconds: 20, Share: 1},
		{At: night, Errors: 40, Seconds: 40, Share: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" || !to.Equal(night.Add(40*time.Second)) {
		t.Error(to, diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hung is a Store that answers nothing until ctx ends.
type hung struct{ memory }

func (*hung) SaveErrors(ctx context.Context, _ []flat.Count, _ flat.Steps) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestRecorderGivesADatabaseThatHangsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := flat.NewRecorder(flat.RecorderConfig{Store: &hung{}})
		must(t, r.Add(t.Context(), one("a", night, time.Second, 1)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		if err := r.Flush(ctx); err == nil || time.Since(began) > time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestRecorderKeepsTheNewestOfTooMany(t *testing.T) {
	t.Parallel()
	m := &memory{}
	r := flat.NewRecorder(flat.RecorderConfig{Store: m})
	const many = 50_000
	for i := range many { // with gaps, so that none joins another
		must(t, r.Add(t.Context(), one("a", night.Add(time.Duration(i)*time.Minute), time.Second, float64(i))))
	}
	must(t, r.Flush(t.Context()))
	if n := len(m.saved); n > 40_000 || n < 30_000 || m.saved[n-1].Errors != many-1 {
		t.Errorf("%d are kept", n)
	}
}
