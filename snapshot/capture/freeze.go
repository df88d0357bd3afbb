package capture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// freezing is a container that is held still.
type freezing struct {
	v       *Volumes
	id      string
	release func()
	limit   *time.Timer

	mu   sync.Mutex // guards what follows, and is held while the container is resumed
	on   bool
	lost bool  // it was resumed before the end, since it had been still for long enough
	err  error // why it could not be resumed
}

// freeze pauses a running container, if its label lets it. It returns nil when it stays as it is. A bot that dies before
// thaw has left a note of it.
func (v *Volumes) freeze(ctx context.Context, c snapshot.Inspection) (*freezing, error) {
	if c.State != "running" || c.Settings.Pause == "false" {
		return nil, nil
	}
	if err := v.Vault.NoteFrozen(c.ID); err != nil {
		return nil, fmt.Errorf("noting that %s is paused: %w", c.Name, err)
	}
	f := &freezing{v: v, id: c.ID, release: v.mark(v.frozen, c.ID)}
	paused, err := v.Engine.Pause(ctx, c.ID)
	if err != nil { // the engine may have done it, or may yet: the note stays, and LookAfter looks once more
		f.on = true
		_, thawErr := f.thaw()
		return nil, errors.Join(err, thawErr, v.Vault.NoteFrozen(c.ID))
	}
	if !paused {
		f.release()
		return nil, v.Vault.ForgetFrozen(c.ID)
	}
	f.on = true
	if c.Settings.Pause != "true" {
		f.limit = time.AfterFunc(v.Freeze, func() { f.resume(true) })
	}
	return f, nil
}

// thaw resumes the container, and says whether it was still all the time. It also works when ctx is over.
func (f *freezing) thaw() (still bool, err error) {
	if f == nil {
		return false, nil
	}
	if f.limit != nil {
		f.limit.Stop()
	}
	f.resume(false)
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.lost, f.err
}

func (f *freezing) resume(early bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on {
		return
	}
	defer f.release() // what could not be resumed is tried again by whoever finds the note
	f.on, f.lost = false, early
	if err := f.v.letRun(f.id); err != nil {
		f.err = fmt.Errorf("resuming a container that was paused for its archive: %w", err)
		f.v.Logger.Error("resuming a container that was paused for its archive", "container_id", f.id, "err", err)
	}
}

// Recover resumes containers that this bot had paused when it died.
func (v *Volumes) Recover(ctx context.Context) error {
	ids, err := v.Vault.FrozenOnes()
	if err != nil {
		return err
	}
	var errs error
	for _, id := range ids {
		if !v.marked(v.frozen, id) {
			errs = errors.Join(errs, v.recover(ctx, id))
		}
	}
	return errs
}

func (v *Volumes) recover(ctx context.Context, id string) error {
	now, err := inspect(ctx, v.Engine, id)
	if err == nil && now.State == "paused" {
		v.Logger.Warn("resuming a container that was left paused", "container", now.Name)
	}
	return v.resume(ctx, id)
}

// resume has a container run on, and forgets that it was paused.
func (v *Volumes) resume(ctx context.Context, id string) error {
	err := v.Engine.Resume(ctx, id)
	if err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) && !errors.Is(err, snapshot.ErrGone) && !errors.Is(err, snapshot.ErrNotEnabled) {
		return fmt.Errorf("resuming a container that was left paused: %w", err)
	}
	return v.Vault.ForgetFrozen(id)
}

// letRun is resume, tried until it is done, or for thawWithin: production stands still meanwhile.
func (v *Volumes) letRun(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), thawWithin)
	defer cancel()
	for {
		err := v.resume(ctx, id)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(thawAgain):
		}
	}
}

// whileFrozen does what has the engine freeze a container for as long as it takes, such as a commit. It is made sure that the container runs
// then, also by the bot that comes after one that has died.
func (v *Volumes) whileFrozen(id string, do func() error) error {
	if v.marked(v.frozen, id) { // for an archive, which goes on
		return do()
	}
	// It may have waited for long: what somebody else has paused by now stays so.
	if now, err := inspect(context.Background(), v.Engine, id); err == nil && now.State != "running" {
		return do()
	}
	if err := v.Vault.NoteFrozen(id); err != nil {
		return fmt.Errorf("noting that a container is paused: %w", err)
	}
	release := v.mark(v.frozen, id)
	defer release()
	err := do()
	if left := v.letRun(id); left != nil {
		v.Logger.Error("making sure that a container runs after a commit", "container_id", id, "err", left)
	}
	return err
}
