package flat_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
)

// outage is a Journal with one restore, of shop, five minutes after the alert of night. What was counted is fine; its minutes are made of it.
type outage struct {
	memory
	now   time.Time
	r     flat.Restored
	fine  []flat.Minute
	said  []incidents.Entry
	times []string // kinds of said, with how long after the alert
}

func outages() *outage {
	return &outage{r: flat.Restored{ID: 1, Incident: 7, Key: "k/shop", Container: "shop", Snapshot: "good", By: "Ada", State: flat.Watching,
		Opened: night, Requested: night.Add(5*time.Minute - 10*time.Second), Verified: night.Add(5 * time.Minute)}}
}

func (o *outage) Restored(context.Context) ([]flat.Restored, error) {
	r := o.r
	if o.now.Before(r.Verified) {
		return nil, nil
	}
	if r.Redeployed.After(o.now) {
		r.Redeployed = time.Time{}
	}
	return []flat.Restored{r}, nil
}

func (o *outage) TellErrors(_ context.Context, r flat.Restored, to flat.State, at time.Time, e incidents.Entry) (bool, error) {
	if !strings.Contains(string(e.Details), `"key":"k/shop"`) {
		return false, fmt.Errorf("the entry does not say whose errors: %s", e.Details)
	}
	o.r.State, o.r.StateAt, o.r.WasFlat = to, at, r.WasFlat || to == flat.Flat
	o.said, o.times = append(o.said, e), append(o.times, string(e.Kind)+" "+at.Sub(night).String())
	return true, nil
}

func (o *outage) ErrorMinutes(_ context.Context, _ string, since time.Time, fine bool) (out []flat.Minute, _ error) {
	var counts []flat.Count
	for _, m := range o.fine {
		counts = append(counts, flat.Count{Key: o.r.Key, From: m.At, To: m.At.Add(10 * time.Second), Errors: m.Errors, Share: m.Share})
	}
	step := time.Minute
	if fine {
		step = 10 * time.Second
	}
	all, _ := flat.Split(counts, time.Time{}, step)
	for _, m := range all {
		if !m.At.Before(since) {
			out = append(out, m)
		}
	}
	return out, nil
}

// errors are so many a minute, evenly, from one moment after the alert to another.
func (o *outage) errors(from, to time.Duration, perMinute float64) {
	for at := from; at < to; at += 10 * time.Second {
		o.fine = append(o.fine, flat.Minute{At: night.Add(at), Errors: perMinute / 6, Share: 1})
	}
}

// judged looks every five seconds, from before the restore to so long after the alert.
func (o *outage) judged(t *testing.T, to time.Duration, want ...string) {
	t.Helper()
	j := flat.NewJudge(flat.JudgeConfig{Journal: o, Now: func() time.Time { return o.now }})
	for o.now = o.r.Verified.Add(-3 * time.Minute); !o.now.After(night.Add(to)); o.now = o.now.Add(5 * time.Second) {
		must(t, j.Look(t.Context()))
	}
	if diff := cmp.Diff(want, o.times); diff != "" {
		t.Error(diff)
		for _, e := range o.said {
			t.Log(e.Summary)
		}
	}
}

// last is what was said last.
func (o *outage) last() string {
	if len(o.said) == 0 {
		return ""
	}
	return o.said[len(o.said)-1].Summary
}

// deed is what the channel is told with it.
const deed = ". It was restored to good at 03:47 by Ada; data in its volumes was not touched"

// What was counted after a restore was counted: the restored container may die, or the engine hang, some minutes later.
func TestSaysSinceWhenNothingIsCounted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		counts   time.Duration // after the alert, until which it goes on
		rate     float64       // after the restore
		want     []string
		sentence string
	}{
		"at once": {5 * time.Minute, 0, []string{"errors.unknown 7m0s"}, "nothing of shop has been counted since the restore: look whether it runs"},
		"after three minutes": {8 * time.Minute, 12, []string{"errors.unknown 9m55s"},
			"nothing of shop has been counted since 03:50 (12 a minute until then): look whether it runs"},
		"when they fell": {8 * time.Minute, 2.5, []string{"errors.falling 6m35s", "errors.unknown 9m55s"},
			"nothing of shop has been counted since 03:50 (2.5 a minute until then): look whether it runs"},
	} {
		o := outages()
		o.errors(-75*time.Minute, -10*time.Minute, 1)
		o.errors(-10*time.Minute, 5*time.Minute, 21)
		o.errors(5*time.Minute, c.counts, c.rate)
		o.judged(t, 12*time.Minute, c.want...)
		if want := "Whether errors are flat can't be told: " + c.sentence + deed; o.last() != want {
			t.Errorf("%s: it says %q, want %q", name, o.last(), want)
		}
	}
}

// TestABotThatWasDownWaitsForWhatItReadsOfThePast: for two minutes, since a log that can't be read will not come.
func TestABotThatWasDownWaitsForWhatItReadsOfThePast(t *testing.T) {
	t.Parallel()
	const back = 12 * time.Minute // after the alert; the bot goes down soon after the restore, or before anything was counted
	for name, c := range map[string]struct {
		counted, read bool // before it went down, and of the past later
		want          []string
	}{
		"it is read":                      {true, true, []string{"errors.flat 12m25s"}},
		"it can't be read":                {true, false, []string{"errors.unknown 14m0s"}},
		"all of it is read":               {false, true, []string{"errors.flat 12m25s"}},
		"nothing was counted until later": {false, false, []string{"errors.unknown 14m0s"}},
	} {
		o := outages()
		before := func() {
			o.errors(-75*time.Minute, -10*time.Minute, 1)
			o.errors(-10*time.Minute, 5*time.Minute, 21)
			o.errors(5*time.Minute, 6*time.Minute, 12)
		}
		if c.counted {
			before()
		}
		j := flat.NewJudge(flat.JudgeConfig{Journal: o, Now: func() time.Time { return o.now }})
		for o.now = night.Add(back); !o.now.After(night.Add(back + 4*time.Minute)); o.now = o.now.Add(5 * time.Second) {
			switch soon := o.now.Equal(night.Add(back + 25*time.Second)); {
			case soon && c.read && !c.counted:
				before()
				fallthrough
			case soon && c.read:
				o.errors(6*time.Minute, back, 1)
			case soon && !c.counted:
				o.errors(back, back+time.Hour, 1)
			}
			must(t, j.Look(t.Context()))
		}
		if diff := cmp.Diff(c.want, o.times); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
			for _, e := range o.said {
				t.Log(e.Summary)
			}
		}
	}
}

// Without a deploy, and with a history that is shorter than the ten minutes that are left out before an alert, what there is before the
// errors rose is the baseline, and that is said.
func TestAShortHistoryIsABaselineUntilErrorsRose(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begins, rises time.Duration // before the alert
		rate          float64       // from then on
		want          []string
		sentence      string
	}{
		"12 minutes":                       {12 * time.Minute, 4 * time.Minute, 21, []string{"errors.falling 6m15s", "errors.flat 8m55s"}, "The baseline is from 8 min 0 s only"},
		"7 minutes":                        {7 * time.Minute, 4 * time.Minute, 21, []string{"errors.flat 11m35s"}, "The baseline is from 3 min 0 s only"},
		"6 minutes, errors have not risen": {6 * time.Minute, 0, 1, []string{"errors.flat 9m25s"}, "The baseline is from 6 min 0 s only"},
		"9 minutes, all of them bad": {9 * time.Minute, 9 * time.Minute, 21, []string{"errors.unknown 5m0s"},
			"there is no baseline, since they were counted for only 9 min 0 s before the alert, at 21 a minute" + deed},
		"2 minutes": {2 * time.Minute, time.Minute, 21, []string{"errors.unknown 5m0s"},
			"there is no baseline, since they were counted for only 2 min 0 s before the alert, at 11 a minute" + deed},
		"none": {-5 * time.Minute, 0, 21, []string{"errors.unknown 5m0s"}, "there is no baseline, since they were not counted before the alert" + deed},
	} {
		o := outages()
		o.errors(-c.begins, -c.rises, 1)
		if c.begins > 0 {
			o.errors(-c.rises, 5*time.Minute, c.rate)
		}
		o.errors(5*time.Minute, 20*time.Minute, 1)
		o.judged(t, 20*time.Minute, c.want...)
		if !strings.HasSuffix(o.last(), c.sentence) {
			t.Errorf("%s: it says %q, want %q", name, o.last(), c.sentence)
		}
	}
}

// What runs after the next deploy is judged from there on, and the sentence names that deploy: neither is its merit the restore's, nor its
// fault.
func TestADeployAfterTheRestoreIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		restored, deployed float64       // errors a minute
		at, to             time.Duration // of the deploy, and the end
		want               []string
		sentence           string
	}{
		"the fix, after a restore that has not helped": {21, 0.5, 13 * time.Minute, 20 * time.Minute, []string{"errors.not-flat 10m0s", "errors.flat 14m55s"},
			"Flat since 03:56, 1 min 55 s after the deploy at 03:55: 0.5 a minute, baseline 1.0 (how much traffic there is, is not known). " +
				"Errors of shop were at 21 a minute since 03:32. It was restored to good at 03:47 by Ada; data in its volumes was not touched; there was a deploy at 03:55"},
		"the fix, soon": {21, 21, 7 * time.Minute, 15 * time.Minute, []string{"errors.not-flat 12m0s"},
			"Not flat 5 min 0 s after the deploy at 03:49: still 21 a minute, baseline 1.0. Look for an older snapshot under Details, look at the logs in the terminal, or escalate"},
		"another bad one": {0.5, 21, 13 * time.Minute, 15 * time.Minute, []string{"errors.falling 5m35s", "errors.flat 6m55s", "errors.back 13m35s"},
			"Errors are back: 21 a minute, baseline 1.0; there was a deploy at 03:55"},
	} {
		o := outages()
		o.errors(-75*time.Minute, -10*time.Minute, 1)
		o.errors(-10*time.Minute, 5*time.Minute, 21)
		o.errors(5*time.Minute, c.at, c.restored)
		o.errors(c.at, c.to, c.deployed)
		o.r.Redeployed = night.Add(c.at)
		o.judged(t, c.to, c.want...)
		if o.last() != c.sentence {
			t.Errorf("%s: it says\n%q, want\n%q", name, o.last(), c.sentence)
		}
	}
}

func (o *outage) ErrorMinutesOf(ctx context.Context, keys []string, since time.Time) (map[string][]flat.Minute, error) {
	all := map[string][]flat.Minute{}
	for _, key := range keys {
		if minutes, _ := o.ErrorMinutes(ctx, key, since, false); key == o.r.Key && len(minutes) > 0 {
			all[key] = minutes
		}
	}
	return all, nil
}

// The channel is told of a restore when it is verified, or of its errors, and not of both. So whoever was counted before they ended is
// counted, however long ago that was.
func TestWhoHasEndedLongAgoIsCountedIfSomethingIsSaidLater(t *testing.T) {
	t.Parallel()
	for name, ended := range map[string]time.Duration{
		"runs": 0, "ended 10 minutes ago": 10 * time.Minute, "ended 20 hours ago": 20 * time.Hour, "ended two days ago": 48 * time.Hour,
	} {
		o := outages()
		o.errors(5*time.Minute-ended-time.Hour, 5*time.Minute-ended, 1)
		counted, err := flat.Gauge{Store: o}.Counted(t.Context(), "k/shop", o.r.Verified)
		must(t, err)
		j := flat.NewJudge(flat.JudgeConfig{Journal: o, Now: func() time.Time { return o.now }})
		for o.now = o.r.Verified; o.now.Before(night.Add(15 * time.Minute)); o.now = o.now.Add(30 * time.Second) {
			must(t, j.Look(t.Context()))
		}
		if said := len(o.said) > 0; counted != said || counted != (ended < 24*time.Hour) {
			t.Errorf("%s: counted %v, and %q", name, counted, o.times)
		}
	}
}

// A rate that is read from a part of the lines is an estimate, and said to be one.
func TestARateFromASampleIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	for sentence, share := range map[string]float64{": 0.5 a minute, baseline": 1, ": 0.5 a minute (from a sample), baseline": 0.04} {
		o := outages()
		o.errors(-75*time.Minute, -10*time.Minute, 1)
		o.errors(-10*time.Minute, 5*time.Minute, 21)
		o.errors(5*time.Minute, 60*time.Minute, 0.5)
		for i := range o.fine {
			if m := &o.fine[i]; !m.At.Before(o.r.Verified) {
				m.Share, m.Errors = share, m.Errors*share
			}
		}
		j := flat.NewJudge(flat.JudgeConfig{Journal: o, Now: func() time.Time { return o.now }})
		for o.now = o.r.Verified; o.now.Before(night.Add(time.Hour)) && len(o.said) == 0; o.now = o.now.Add(10 * time.Second) {
			must(t, j.Look(t.Context()))
		}
		if !strings.Contains(strings.Replace(o.last(), "was 21, ", "", 1), strings.Replace(sentence, ": ", "", 1)) {
			t.Errorf("it says %q, want %q", o.last(), sentence)
		}
	}
}

// TestNothingIsSaidAtOnceWhenTheClockIsSetForward: the time that it passes over was never there to be counted in.
func TestNothingIsSaidAtOnceWhenTheClockIsSetForward(t *testing.T) {
	t.Parallel()
	const set = 20 * time.Minute
	for name, c := range map[string]struct {
		rate float64
		want []string // the clock is set six minutes after the alert, one after the restore
	}{
		"nothing is counted": {-1, []string{"errors.unknown 28m0s"}},
		"errors stay":        {12, []string{"errors.not-flat 31m0s"}},
		"errors are gone":    {0, []string{"errors.falling 5m35s", "errors.flat 26m25s"}},
	} {
		o := outages()
		o.errors(-75*time.Minute, -10*time.Minute, 1)
		o.errors(-10*time.Minute, 5*time.Minute, 21)
		if c.rate >= 0 {
			o.errors(5*time.Minute, 6*time.Minute, c.rate)
			o.errors(6*time.Minute+set, time.Hour, c.rate)
		}
		at := night.Add(6 * time.Minute)
		j := flat.NewJudge(flat.JudgeConfig{Journal: o, Now: func() time.Time { return o.now }, Elapsed: func(from, to time.Time) time.Duration {
			if from.Before(at) && to.After(at) {
				return to.Sub(from) - set
			}
			return to.Sub(from)
		}})
		for o.now = o.r.Verified; o.now.Before(night.Add(35 * time.Minute)); o.now = o.now.Add(5 * time.Second) {
			if o.now.Equal(at) {
				o.now = o.now.Add(set)
			}
			must(t, j.Look(t.Context()))
		}
		if diff := cmp.Diff(c.want, o.times); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
			for _, e := range o.said {
				t.Log(e.Summary)
			}
		}
	}
}
