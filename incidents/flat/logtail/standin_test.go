package logtail_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/snapshot"
)

// standIn is an engine, and what is kept of its logs. It serves what a real engine can't be made to do: to hang. Tests that use it
// run in synctest's time.
type standIn struct {
	mu      sync.Mutex // guards what follows
	runs    []snapshot.Observation
	logs    map[string][]snapshot.RawLine // by ID
	hung    bool                          // answers nothing
	away    bool                          // refuses all, and has broken off its streams
	hungLog map[string]bool               // by ID: answers nothing when its log is read
	opened  int                           // streams and readings of logs so far
	dead    map[string]int                // by ID: the streams up to that one bring nothing any more
	wrote   chan struct{}                 // closed when a line is written
	counts  []flat.Count
}

// follow counts what runs under these keys, each with the ID of the same name.
func follow(t *testing.T, keys ...string) (*standIn, *logtail.Follower) {
	s := &standIn{logs: map[string][]snapshot.RawLine{}, hungLog: map[string]bool{}, dead: map[string]int{}, wrote: make(chan struct{})}
	for _, key := range keys {
		s.run(key, key)
	}
	f := logtail.New(logtail.Config{Engine: s, Recorder: s, Counted: s})
	t.Cleanup(func() { _ = f.Stop(context.Background()) })
	return s, f
}

// run sets a container in the place of the key's last one.
func (s *standIn) run(key, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := []snapshot.Observation{}
	for _, o := range s.runs {
		if o.Key != key {
			kept = append(kept, o)
		}
	}
	o := snapshot.Observation{}
	o.Key, o.ID, o.Name, o.State = key, id, id, "running"
	s.runs = append(kept, o)
}

func (s *standIn) say(id, text string) {
	s.write(id, snapshot.RawLine{At: time.Now(), Text: []byte(text)})
}

func (s *standIn) write(id string, l snapshot.RawLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[id] = append(s.logs[id], l)
	close(s.wrote)
	s.wrote = make(chan struct{})
}

func (s *standIn) hang(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hung = is
	close(s.wrote)
	s.wrote = make(chan struct{})
}

// goAway breaks off all streams, and has everything refused until the engine is back.
func (s *standIn) goAway(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = is
	close(s.wrote)
	s.wrote = make(chan struct{})
}

// hangLog says whether what is asked of one log is answered. All else is.
func (s *standIn) hangLog(id string, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hungLog[id] = is
	close(s.wrote)
	s.wrote = make(chan struct{})
}

// open numbers a stream, or a reading.
func (s *standIn) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return s.opened
}

// die has the streams of a log that are open bring nothing any more, though the engine answers all that is asked.
func (s *standIn) die(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead[id] = s.opened
}

// ready waits until the engine does not hang, and what is asked of it has come.
func (s *standIn) ready(ctx context.Context, has func() bool) error {
	for {
		s.mu.Lock()
		away, ok, wrote := s.away, !s.hung && has(), s.wrote
		s.mu.Unlock()
		if away {
			return snapshot.ErrEngineAway
		}
		if ok {
			return nil
		}
		select {
		case <-wrote:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *standIn) Observations(ctx context.Context) ([]snapshot.Observation, error) {
	if err := s.ready(ctx, func() bool { return true }); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs, nil
}

func (s *standIn) ReadLog(ctx context.Context, id string, ask snapshot.LogAsk, take func(snapshot.RawLine) error) (time.Time, error) {
	opened := s.open()
	s.mu.Lock()
	read := max(0, len(s.logs[id])-ask.Last)
	s.mu.Unlock()
	for ; ; read++ {
		if err := s.ready(ctx, func() bool { return !s.hungLog[id] && (!ask.Follow || len(s.logs[id]) > read && opened > s.dead[id]) }); err != nil {
			return time.Time{}, err
		}
		s.mu.Lock()
		lines := s.logs[id]
		s.mu.Unlock()
		if read >= len(lines) {
			return time.Time{}, nil
		}
		if err := take(lines[read]); err != nil {
			return time.Time{}, err
		}
	}
}

func (s *standIn) ErrorsCountedTo(context.Context, []string) (map[string]time.Time, error) {
	return map[string]time.Time{}, nil
}

func (s *standIn) Add(_ context.Context, c flat.Count) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = append(s.counts, c)
	return nil
}

// since adds up what is counted of a key in the time from from on.
func (s *standIn) since(key string, from time.Time) (all flat.Minute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all.Traffic = true
	for _, c := range s.counts {
		if c.Key == key && c.To.After(from) {
			all.Errors, all.Seconds = all.Errors+c.Errors, all.Seconds+c.To.Sub(later(c.From, from)).Seconds()
			all.Traffic = all.Traffic && c.Traffic
		}
	}
	return all
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func TestTheNextContainersSilenceIsOneWithoutRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop")
		f.Start()
		time.Sleep(time.Minute)
		s.say("shop", "level=info status=200")
		time.Sleep(time.Minute)
		restored := time.Now()
		s.run("shop", "restored")
		time.Sleep(time.Minute)
		if all := s.since("shop", restored); all.Seconds < 40 || !all.Traffic {
			t.Errorf("after the restore there is %+v", all)
		}
	})
}

func TestAnEngineThatHangsIsNotSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop")
		f.Start()
		time.Sleep(time.Minute)
		s.hang(true)
		hung := time.Now()
		time.Sleep(time.Minute)
		s.say("shop", "level=error msg=late")
		time.Sleep(time.Minute)
		if all := s.since("shop", hung); all.Seconds > 0 {
			t.Errorf("while it hangs, %v seconds are counted", all.Seconds)
		}
		s.hang(false)
		back := time.Now()
		time.Sleep(time.Second)
		s.say("shop", "level=error msg=boom")
		time.Sleep(time.Minute)
		if all := s.since("shop", hung); all.Seconds > time.Since(back).Seconds() || all.Seconds < 45 || !near(all.Errors, 1) {
			t.Errorf("of %v since it answers again, this is counted: %+v", time.Since(back), all)
		}
	})
}

// Nobody knows what was written while the engine was away, but for what its log has of that time.
func TestMinutesInWhichTheEngineIsAwayAreMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop", "busy")
		f.Start()
		time.Sleep(time.Minute)
		s.goAway(true)
		away := time.Now()
		time.Sleep(90 * time.Second)
		s.say("busy", "level=error msg=kept")
		time.Sleep(3 * time.Minute)
		s.goAway(false)
		back := time.Now()
		time.Sleep(time.Minute)
		if all := s.since("shop", away); all.Seconds < 45 || all.Seconds > time.Since(back).Seconds() {
			t.Errorf("of minutes in which the engine was away, and one in which it was not, this is counted: %+v", all)
		}
		if all := s.since("busy", away); !near(all.Errors, 1) || all.Seconds > time.Since(back).Seconds()+60 {
			t.Errorf("of one that wrote in one of these minutes, this is counted: %+v", all)
		}
		time.Sleep(time.Minute)
		if all := s.since("shop", back); all.Seconds < 100 {
			t.Errorf("of two minutes in which it is back, %v seconds are counted", all.Seconds)
		}
	})
}

func TestContainersThatHangDoNotStopTheCountingOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "a", "b", "c")
		s.hungLog["a"], s.hungLog["b"], s.hungLog["c"] = true, true, true
		f.Start()
		time.Sleep(30 * time.Second) // two of them hold the slots
		s.run("shop", "shop")
		time.Sleep(2 * time.Minute)
		if all := s.since("shop", time.Now().Add(-time.Minute)); all.Seconds < 30 {
			t.Errorf("of the last minute, %v seconds are counted", all.Seconds)
		}
		if state, _ := f.State("a"); state.Problem == "" {
			t.Error("nothing is said of what hangs")
		}
	})
}

// What a stream that died did not bring is counted within a minute, once, and what comes afterwards as it comes.
func TestADeadStreamIsNotSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop", "other")
		f.Start()
		time.Sleep(time.Minute)
		s.say("shop", "level=error msg=first")
		time.Sleep(time.Minute)
		s.die("shop")
		died := time.Now()
		for range 20 {
			s.say("shop", "level=error msg=unheard")
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		if all := s.since("shop", died); !near(all.Errors, 20) {
			t.Errorf("of 20 errors that the stream did not bring, this is counted: %+v", all)
		}
		s.say("shop", "level=error msg=heard")
		time.Sleep(15 * time.Second)
		if all := s.since("shop", died.Add(-5*time.Minute)); !near(all.Errors, 22) {
			t.Errorf("in the end, %v errors are counted of 22", all.Errors)
		}
		time.Sleep(time.Minute)
		if n := s.open(); n > 40 {
			t.Errorf("logs were opened %d times in minutes of silence", n)
		}
	})
}

func TestSilenceThatTheEngineDoesNotConfirmIsNotToldForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop")
		f.Start()
		time.Sleep(time.Minute)
		s.hangLog("shop", true)
		hung := time.Now()
		time.Sleep(5 * time.Minute)
		if all := s.since("shop", hung); all.Seconds > 90 {
			t.Errorf("of five minutes in which only its log hangs, %v seconds are counted", all.Seconds)
		}
		s.hangLog("shop", false)
		time.Sleep(time.Minute) // until it is asked again
		back := time.Now()
		time.Sleep(time.Minute)
		if all := s.since("shop", back); all.Seconds < 45 {
			t.Errorf("of a minute in which it answers again, %v seconds are counted", all.Seconds)
		}
	})
}

// Each question is a call to the engine, and a host may have hundreds of new containers at once.
func TestAYoungQuietLogIsAskedThreeTimesAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop")
		s.runs[0].CreatedAt = time.Now()
		f.Start()
		time.Sleep(70 * time.Second) // between two questions
		before := s.open()
		time.Sleep(3 * time.Minute)
		if n := s.open() - before - 1; n != 9 {
			t.Errorf("its log was opened %d times in three minutes, want 9", n)
		}
	})
}
