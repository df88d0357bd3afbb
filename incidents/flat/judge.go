package flat

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/snapback/snapback/incidents"
)

// Restored is a restore that holds, whose incident is open.
type Restored struct {
	ID, Incident        int64
	Key                 string // the container's identity
	Container, Snapshot string
	By                  string    // who asked for it
	Volumes             bool      // the contents of its volumes were put back as well
	Opened              time.Time // when the incident was
	Deployed            time.Time // when the deploy was that it took back; the zero time when none is known
	Requested, Verified time.Time
	Redeployed          time.Time // when the container was deployed last since then; the zero time: it was not
	State               State     // what was said last
	StateAt             time.Time // when; the zero time while that is Watching
	WasFlat             bool      // Flat was said before, so that the next Flat is no news for the channel
}

// begin is when what runs now began to: at the restore, or at the deploy after it.
func (r Restored) begin() time.Time {
	if r.Redeployed.After(r.Verified) {
		return r.Redeployed
	}
	return r.Verified
}

// Journal is what a Judge reads and writes. Several bots may use it at once.
type Journal interface {
	Store
	// Restored lists the restores whose errors are to be judged: verified within the last hours, in an open incident, not
	// undone, with no later restore of the same container, and while what they rolled back is not back.
	Restored(ctx context.Context) ([]Restored, error)
	// TellErrors writes that to is said of a restore from at on, with its entry and when its incident was flat, all or
	// nothing. It returns false, and writes nothing, when another bot was quicker or the restore is no more to be judged.
	TellErrors(ctx context.Context, r Restored, to State, at time.Time, e incidents.Entry) (bool, error)
}

// JudgeConfig is what a Judge needs. Journal is required.
type JudgeConfig struct {
	Journal    Journal
	Definition Definition
	Logger     *slog.Logger     // nil: silent
	Every      time.Duration    // between two looks; 0: 5 s
	Zone       *time.Location   // of the times that people read; nil: UTC
	Now        func() time.Time // nil: time.Now

	// Lag is for how long what was counted of a container keeps older errors in view, beyond what Definition allows for; nil: no source
	// does that.
	Lag func(key string) time.Duration

	// Elapsed is how long it was between two moments of Now by a clock that nobody sets, so that one that is set is noticed; nil: they
	// have such a reading, as those of time.Now do.
	Elapsed func(from, to time.Time) time.Duration
}

// Judge looks at the errors after restores, and has the timeline say what becomes of them. It knows nothing that is not in its
// Journal, so that another one, or the same after a restart, goes on where it was.
type Judge struct {
	JudgeConfig
	cancel context.CancelFunc
	wg     sync.WaitGroup

	looked, woken time.Time     // the last look, and the one before which the clock was set forward; only Look has these
	looking       time.Duration // for how long it has looked, by a clock that nobody sets; likewise
}

// NewJudge returns a Judge that does nothing until Start.
func NewJudge(c JudgeConfig) *Judge {
	c.Every = cmp.Or(c.Every, 5*time.Second)
	c.Zone = cmp.Or(c.Zone, time.UTC)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Lag == nil {
		c.Lag = func(string) time.Duration { return 0 }
	}
	if c.Elapsed == nil {
		c.Elapsed = func(from, to time.Time) time.Duration { return to.Sub(from) }
	}
	return &Judge{JudgeConfig: c, cancel: func() {}}
}

// Start begins to look. Call it once.
func (j *Judge) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	j.cancel = cancel
	j.wg.Go(func() {
		tick := time.NewTicker(j.Every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := j.Look(ctx); err != nil && ctx.Err() == nil {
					j.Logger.Warn("judging errors after restores", "err", err)
				}
			}
		}
	})
}

// Stop ends looking, and waits for the look that is under way. It can be called twice.
func (j *Judge) Stop(context.Context) error {
	j.cancel()
	j.wg.Wait()
	return nil
}

// Look judges every restore once. What can't be read now is looked at again.
func (j *Judge) Look(ctx context.Context) error {
	j.noticeSetting()
	all, err := j.Journal.Restored(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := j.look(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// noticeSetting sees whether the clock was set forward since the last look, or stood still with the machine. Nobody has waited for the time
// that it has passed over.
func (j *Judge) noticeSetting() {
	now := j.Now()
	if !j.looked.IsZero() {
		elapsed := j.Elapsed(j.looked, now)
		if passed := now.Round(0).Sub(j.looked.Round(0)) - elapsed; passed > j.Definition.minutes(settingMinutes) {
			j.woken = now.Round(0)
		}
		j.looking += elapsed
	}
	j.looked = now
}

func (j *Judge) look(ctx context.Context, r Restored) error {
	n, ok, err := j.read(ctx, r)
	if err != nil || !ok {
		return err
	}
	v := j.verdict(r, n)
	if !r.State.May(v.State) {
		return nil
	}
	told, err := j.Journal.TellErrors(ctx, r, v.State, n.Now, j.entry(r, n, v))
	if told && err == nil {
		j.Logger.Info("errors after a restore", "restore_id", r.ID, "incident_id", r.Incident, "container", r.Container, "state", v.State, "rate", v.Rate)
	}
	return err
}

// read is what is known of a restore's errors. It returns false for a container whose errors nobody has counted.
func (j *Judge) read(ctx context.Context, r Restored) (a After, ok bool, err error) {
	a = After{Since: r.begin().Add(j.Lag(r.Key)), Woken: j.woken, Young: j.looking < j.Definition.minutes(recentMinutes), Now: j.Now().UTC()}
	if r.State == Flat || r.State == Back && r.StateAt.After(r.Redeployed) {
		a.Since = r.StateAt
	}
	minutes, err := j.Journal.ErrorMinutes(ctx, r.Key, r.Requested.Add(-KeepMinutes), false)
	if err != nil {
		return a, false, err
	}
	moments, err := j.Journal.ErrorMinutes(ctx, r.Key, r.Verified, true)
	if err != nil {
		return a, false, err
	}
	a.Moments = between(moments, a.Since, a.Now)
	a.Last = j.last(r, minutes, moments, a.Now)
	var known bool
	a.Baseline, known = j.Definition.Usual(minutes, r.Deployed, r.Opened)
	a.NoBaseline, a.Before = !known, sum(j.Definition.beforeAlert(minutes, r.Opened))
	if known {
		a.Spike = j.Definition.worst(a.Baseline, minutes, r)
	}
	return a, len(moments) > 0 || len(minutes) > 0, nil
}

// last is the end of what was counted since a restore. Its fine steps may be gone already, as when all bots were away for an hour.
func (j *Judge) last(r Restored, minutes, moments []Minute, now time.Time) Last {
	d := j.Definition
	if moments = between(moments, r.Verified, now); len(moments) > 0 {
		return d.last(moments, d.minutes(1.0/6))
	}
	return d.last(between(minutes, r.Verified, now), d.minutes(1))
}

// worst is the higher of the spikes before the restore and at the alert.
func (d Definition) worst(b Baseline, minutes []Minute, r Restored) Spike {
	spike, alert := d.Spike(b, minutes, r.Requested), d.Spike(b, minutes, r.Opened)
	if alert.Is && (!spike.Is || alert.Rate > spike.Rate) {
		return alert
	}
	return spike
}

func (j *Judge) verdict(r Restored, a After) Verdict {
	if r.State != Flat {
		return j.Definition.Judge(a)
	}
	if again := j.Definition.Spike(a.Baseline, a.Moments, a.Now); again.Is {
		return Verdict{State: Back, Rate: again.Rate, Sampled: a.last(j.Definition.minutes(spikeMinutes)).Sampled()}
	}
	return Verdict{State: Flat}
}
