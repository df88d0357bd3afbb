package watch

import (
	"context"
	"sync/atomic"
	"time"
)

/*
Who looks.

Bots that reach one engine could all look after it, since what one has done the others find done: see doc.go. But each look costs the
engine and the database as much as the first. So one of them leads, for as long as it says so again and its engine answers it. The
others hear the engine's events all the same, so that they know what has happened when they take over.
*/

// Leads let one bot at a time look after the containers of an engine that are within its scope.
type Leads interface {
	// Lead makes me the one that looks after the engine from now on, for that long, unless another bot's time has not run out. One that
	// the engine does not answer is made it only while no other bot is there, or when nobody has been it for a while. It returns
	// whether it is.
	Lead(ctx context.Context, me Presence, engine string, answers bool, length time.Duration) (bool, error)
	// Yield ends that before its time, so that another bot need not wait.
	Yield(ctx context.Context, me Presence, engine string) error
}

const (
	leadEvery = 2 * time.Second // how often it says that it still does. Another bot asks as often: it takes over within this and LeadFor
	answersIn = 3 * time.Second // how soon the engine has to answer one that is to go on
)

// led is what this bot knows of that.
type led struct {
	engine atomic.Pointer[string]    // the last that was led
	until  atomic.Pointer[time.Time] // by this machine's own clock; nil: never

	failing atomic.Bool // the last look did not succeed, though the engine may answer a ping. So its next turn is when no other bot takes one
}

// leads says whether this bot looks. A bot that stood still for longer than its time finds here that it is over.
func (w *Watcher) leads() bool {
	if w.Leads == nil {
		return true
	}
	until := w.led.until.Load()
	return until != nil && time.Now().Before(*until)
}

// keepLeading says so again, and lets go of an engine that does not answer this bot, and may answer another one.
func (w *Watcher) keepLeading(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, answersIn)
	defer cancel()
	engine, err := w.Engine.ID(limited)
	if err != nil {
		return
	}
	answers := w.Engine.Ping(limited) == nil && !w.led.failing.Load()
	asked := time.Now()
	is, err := w.lead(ctx, engine, answers)
	if err != nil {
		return // the time that is left goes on
	}
	before, until := w.leads(), asked
	if is {
		until = asked.Add(w.LeadFor)
	}
	w.led.engine.Store(&engine)
	w.led.until.Store(&until)
	switch {
	case is && !before:
		w.Logger.Info("this bot looks after the engine's containers")
		w.lookSoon()
	case !is:
		w.remember(nil, nil) // what was seen may no longer be so when this bot leads again
	}
}

func (w *Watcher) lead(ctx context.Context, engine string, answers bool) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, leadEvery)
	defer cancel()
	return w.Leads.Lead(limited, w.Me, engine, answers, w.LeadFor)
}

// yield ends the time of a bot that stops.
func (w *Watcher) yield(ctx context.Context) error {
	engine := w.led.engine.Load()
	if w.Leads == nil || engine == nil {
		return nil
	}
	return w.Leads.Yield(ctx, w.Me, *engine)
}
