package docker

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// A container that hangs can keep the engine from answering what it is asked about it, for ever. That must not keep others from
// being watched and restored. So each is waited for with a part of the time that there is, and one about which there was no
// answer is taken as the engine's list shows it. An engine that is only busy takes a second or two for an answer: whoever had
// less time than leastSilence does without the answer as well, but says nothing of it to others. Within silentFor, those who
// have little time, as an alert has, don't ask about a silent one again. The watch has time, and asks often enough.
const (
	mostPatience = 5 * time.Second
	leastSilence = 2 * time.Second
	silentFor    = time.Minute
	truthWithin  = 30 * time.Second // for what a restore decides by
)

// errSilent says that the engine had no answer about a container.
var errSilent = errors.New("the engine does not answer about it")

func patience(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return min(time.Until(end)/4, mostPatience)
	}
	return mostPatience
}

// lookPatiently inspects for those who can do without the answer. It returns errSilent when there is none in time.
func (e *Engine) lookPatiently(ctx context.Context, id string) (document, error) {
	wait := e.patienceFor(ctx, id)
	if wait == 0 {
		return document{}, errSilent
	}
	asking, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	d, _, err := e.look(asking, id)
	switch {
	case err == nil || errors.Is(err, snapshot.ErrGone):
		e.noteAnswer(id)
	case asking.Err() != nil && ctx.Err() == nil:
		if wait >= leastSilence {
			e.noteSilence(id)
		}
		return document{}, errSilent
	}
	return d, err
}

// patienceFor is how long to wait for an answer about a container; 0: don't ask.
func (e *Engine) patienceFor(ctx context.Context, id string) time.Duration {
	wait := patience(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case time.Since(e.silent[id]) > silentFor:
		return wait
	case wait < mostPatience:
		return 0
	}
	return leastSilence
}

func (e *Engine) noteAnswer(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.silent, id)
}

func (e *Engine) noteSilence(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.DeleteFunc(e.silent, func(_ string, at time.Time) bool { return time.Since(at) > silentFor })
	e.silent[id] = time.Now()
}
