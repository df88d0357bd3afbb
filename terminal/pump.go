package terminal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// What comes in small pieces, and without an end, is waited for until there is more of it: each piece costs as much as a large one. A key's
// echo is smaller.
const (
	flooding   = 4 << 10 // bytes; what a terminal gives at once at the most
	gathered   = 64 << 10
	gatherTime = time.Millisecond
)

// pump records, then shows, until the shell exits (nil), can't be recorded, or its session ends.
func (sh *shell) pump(ctx context.Context) error {
	writing, stop := context.WithCancel(ctx)
	defer context.AfterFunc(ctx, func() { _ = sh.ex.Close() })()
	sh.l.work.Go(func() { sh.write(writing) })
	sh.l.work.Go(func() { sh.resizeTo(writing) })
	sh.l.work.Go(func() { sh.follow(writing) })
	defer stop()
	out := newOutlet(sh.rest)
	sh.l.work.Go(func() { out.fill(sh.ex) })
	defer out.end()
	for {
		p := out.take()
		if len(p) == 0 {
			return context.Cause(ctx)
		}
		if err := sh.record(ctx, p); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx) // that is why it was not recorded, and not the other way round
			}
			return err
		}
		sh.l.feed.addOutput(p)
		switch { // a flood leaves no other pause once its recording is full
		case len(p) >= gathered:
			runtime.Gosched() // to whoever shows it
		case len(p) >= flooding:
			pause(ctx, gatherTime)
		}
	}
}

// record keeps what is about to be shown. A recording that is full says so, and so does the timeline; the shell goes on,
// since whoever sits in it at night is in the middle of something.
func (sh *shell) record(ctx context.Context, p []byte) error {
	full, err := sh.cast.write(p)
	if err != nil {
		return err
	}
	told := sh.tellOfWait(ctx)
	if err = sh.insist(ctx, sh.cast.settle); err == nil && full {
		err = sh.insist(ctx, sh.recordFull)
	}
	told()
	if err == nil && full {
		sh.l.say("running", "The recording has reached its largest size and ends here. The shell goes on.")
	}
	return err
}

func (sh *shell) recordFull(ctx context.Context) error {
	sess := sh.l.sess
	e, err := sh.entry(incidents.KindTerminalCastFull,
		fmt.Sprintf("The recording of %s's shell in %s has reached its largest size and ends there; the shell goes on", sess.Person.Name, sess.Name))
	if err == nil {
		_, err = sh.l.svc.cfg.Timeline.RecordOnce(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	return nil
}

// A database that is away for a moment ends no shell: output waits for it. Beyond an outlet's size the program that writes it waits as well.
const (
	firstRetry   = 50 * time.Millisecond
	longestRetry = time.Second
	waitLimit    = 30 * time.Second
	waitTold     = 2 * time.Second // until the pages say that output waits
	waitToldNext = 8 * time.Second // until they say it again: a page shows it for ten
)

// insist does something until it succeeds, for as long as output may wait. What it does can be done twice. It returns what came of it last.
func (sh *shell) insist(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, sh.l.svc.cfg.Unrecorded)
	defer cancel()
	for wait := firstRetry; ; wait = min(2*wait, longestRetry) {
		err := do(ctx)
		if err == nil || errors.Is(err, ErrSessionOver) { // another bot has ended the recording
			return err
		}
		pause(ctx, wait)
		if ctx.Err() != nil {
			return err
		}
	}
}

// tellOfWait has the pages told when what the returned function ends lasts, and from then on typing given back.
func (sh *shell) tellOfWait(ctx context.Context) (over func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	began := time.Now()
	timer := time.AfterFunc(waitTold, func() {
		defer close(done)
		for ctx.Err() == nil {
			sh.setWaits(true)
			left := max(sh.l.svc.cfg.Unrecorded-time.Since(began), time.Second).Round(time.Second)
			sh.l.say("running", fmt.Sprintf("The database does not take the recording right now: output waits, for %d seconds at most. Then the shell is ended.", left/time.Second))
			pause(ctx, waitToldNext)
		}
	})
	return func() {
		cancel()
		if timer.Stop() {
			return
		}
		<-done
		sh.setWaits(false)
		sh.l.say("running", "")
	}
}

func (sh *shell) setWaits(yes bool) {
	sh.l.mu.Lock()
	defer sh.l.mu.Unlock()
	sh.waits = yes
}

// stopsOnly says whether what was typed does nothing but stop what runs: that is passed on even while nothing can be recorded.
func stopsOnly(text string) bool { return strings.Trim(text, "\x03\x1c") == "" } // Ctrl-C, Ctrl-\

// write passes on what is typed.
func (sh *shell) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-sh.in:
			if _, err := sh.ex.Write(p); err != nil {
				return
			}
		}
	}
}

// resizeTo passes on the size of the window. What is typed does not wait for its recording.
func (sh *shell) resizeTo(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case size := <-sh.size:
			_ = sh.cast.resize(ctx, size[0], size[1]) // what can't be recorded is not shown either: see pump
			_ = sh.ex.Resize(ctx, size[0], size[1])   // cosmetic: a shell that just ended refuses
		}
	}
}
