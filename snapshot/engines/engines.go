// Package engines joins the engines of one bot for whoever asks across them: the API, Slack, the console. Everything is done by the
// engine that a container's key begins with, whose watch, limits and restores are its own. An engine that does not answer keeps
// nobody from the others.
//
// With one engine, everything goes straight to that. See snapshot.Fleet for the lists of containers.
package engines

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/recovery"
	"github.com/snapback/snapback/snapshot/restore"
)

// Engine is one engine, with what is done with it. All fields but Name and Rebuilder are required.
type Engine struct {
	Name string // what people call it; "": there is no other
	Asked
	Restorer  *restore.Restorer
	Taker     *capture.Taker
	Rebuilder *recovery.Duplicator // nil: of what it keeps, there are no duplicates
	Examiner  snapshot.Examiner
}

// Asked is what engines are asked for one by one; *docker.Engine is one.
type Asked interface {
	snapshot.Identified
	snapshot.ImageFinder
	// Mislabelled tells of containers whose labels speak of the bot although they are not enabled, each in a sentence.
	Mislabelled(ctx context.Context) ([]string, error)
	// Observations lists all enabled containers.
	Observations(ctx context.Context) ([]snapshot.Observation, error)
	// DiskUsed is how full the engine's disk is. It returns ErrDiskUnseen.
	DiskUsed(ctx context.Context) (snapshot.DiskUse, error)
	// Ready says what of the calls without which nothing can be told or shown is not answered.
	Ready(ctx context.Context) error
}

// Journal knows which container a restore is about.
type Journal interface {
	// Restore returns snapshot.ErrUnknownRestore.
	Restore(ctx context.Context, id int64) (restore.Restore, error)
}

// Set is all engines of a bot, at least one. Its methods return what those of the parts return that they are of, and the errors of
// snapshot.KeyOwner where several could be asked.
type Set struct {
	Engines []Engine
	Now     func() []Engine // where more are found while the bot runs: those that there are, in place of Engines; nil: none are
	Journal Journal
}

// now is the set with the engines that there are.
func (s Set) now() Set {
	if s.Now != nil {
		s.Engines, s.Now = s.Now(), nil
	}
	return s
}

func (s Set) of(ctx context.Context, key string) (Engine, error) {
	return snapshot.KeyOwner(ctx, s.now().Engines, key)
}

// Take takes a snapshot.
func (s Set) Take(ctx context.Context, c snapshot.Container, ask snapshot.TakeRequest) (snapshot.Snapshot, error) {
	e, err := s.of(ctx, c.Key)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return e.Taker.Take(ctx, c, ask)
}

// Delete removes one.
func (s Set) Delete(ctx context.Context, key, name string, by snapshot.By) error {
	e, err := s.of(ctx, key)
	if err != nil {
		return err
	}
	return e.Taker.Delete(ctx, key, name, by)
}

// Request asks for a restore. Any engine can ask for one that another bot has to do.
func (s Set) Request(ctx context.Context, ask restore.Ask) (restore.Restore, error) {
	e, err := s.knowing(ctx, ask.Container)
	if err != nil {
		return restore.Restore{}, err
	}
	return e.Restorer.Request(ctx, ask)
}

// Undo asks for the undo of one. One that another bot has done is undone by that bot: any engine can ask for it.
func (s Set) Undo(ctx context.Context, id int64, by snapshot.By, idempotency string) (restore.Restore, error) {
	s = s.now()
	e, err := s.ofRestore(ctx, id)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		e, err = s.any()
	}
	if err != nil {
		return restore.Restore{}, err
	}
	return e.Restorer.Undo(ctx, id, by, idempotency)
}

// Wait waits until a restore is over. One of an engine that can't be told apart now is waited for by what the journal says.
func (s Set) Wait(ctx context.Context, id int64) (restore.Restore, error) {
	s = s.now()
	e, err := s.ofRestore(ctx, id)
	if err != nil {
		e, err = s.any()
	}
	if err != nil {
		return restore.Restore{}, err
	}
	return e.Restorer.Wait(ctx, id)
}

// Progress is how far a restore is with the contents of volumes; nil: none of these engines' Restorers moves any for it at this moment.
func (s Set) Progress(id int64) *snapshot.Progress {
	for _, e := range s.now().Engines {
		if p := e.Restorer.Progress(id); p != nil {
			return p
		}
	}
	return nil
}

// Archiving is how far a snapshot of the container with that key is with its volumes; nil: none of these engines' Takers archives them.
func (s Set) Archiving(key string) *snapshot.Progress {
	for _, e := range s.now().Engines {
		if p := e.Taker.Archiving(key); p != nil {
			return p
		}
	}
	return nil
}

func (s Set) ofRestore(ctx context.Context, id int64) (Engine, error) {
	if s = s.now(); len(s.Engines) == 1 {
		return s.Engines[0], nil
	}
	r, err := s.Journal.Restore(ctx, id)
	if err != nil {
		return Engine{}, err
	}
	return s.of(ctx, r.Key)
}

// knowing is the engine that can say most of a container's snapshots. Of another bot's, each knows what the journal has.
func (s Set) knowing(ctx context.Context, c snapshot.Container) (Engine, error) {
	if s = s.now(); c.Elsewhere {
		return s.any()
	}
	return s.of(ctx, c.Key)
}

// any is an engine for what needs only the journal. It returns ErrEngineAway when there is none yet.
func (s Set) any() (Engine, error) {
	if len(s.Engines) == 0 {
		return Engine{}, fmt.Errorf("%w: there is none", snapshot.ErrEngineAway)
	}
	return s.Engines[0], nil
}

// Offer runs the preflight of one snapshot.
func (s Set) Offer(ctx context.Context, c snapshot.Container, snap snapshot.Snapshot) (restore.Offer, error) {
	e, err := s.knowing(ctx, c)
	if err != nil {
		return restore.Offer{}, err
	}
	return e.Restorer.Offer(ctx, c, snap)
}

// Offers holds all that is kept of a container against what runs.
func (s Set) Offers(ctx context.Context, c snapshot.Container, opened time.Time, n int) ([]restore.Offer, error) {
	e, err := s.knowing(ctx, c)
	if err != nil {
		return nil, err
	}
	return e.Restorer.Offers(ctx, c, opened, n)
}

// Condition looks up how a container is.
func (s Set) Condition(ctx context.Context, c snapshot.Container, whole bool) (snapshot.Condition, error) {
	e, err := s.of(ctx, c.Key)
	if err != nil {
		return snapshot.Condition{}, err
	}
	return e.Examiner.Condition(ctx, c, whole)
}

// Images looks for images on the engine of a container.
func (s Set) Images(ctx context.Context, key string) (snapshot.ImageFinder, error) {
	return s.of(ctx, key)
}

// Rebuild reads the duplicates of all engines that have any. What one of several can't tell is left out, and said.
func (s Set) Rebuild(ctx context.Context, by snapshot.By) (recovery.Rebuilt, error) {
	s = s.now()
	with := slices.DeleteFunc(slices.Clone(s.Engines), func(e Engine) bool { return e.Rebuilder == nil })
	if len(with) == 1 {
		return with[0].Rebuilder.Rebuild(ctx, by)
	}
	var all recovery.Rebuilt
	failed := 0
	for _, e := range with {
		one, err := s.rebuild(ctx, e, by)
		if err != nil && ctx.Err() != nil {
			return plus(all, one), err
		}
		if err != nil {
			failed++
			all.Left = append(all.Left, recovery.LeftOut{Container: e.Name + "/…", Snapshot: "all of this engine", Why: err.Error()})
		}
		all = plus(all, one)
	}
	if failed == len(with) {
		return all, fmt.Errorf("%w: none of the engines", snapshot.ErrEngineAway)
	}
	return all, nil
}

// rebuild reads the duplicates of one engine of several, for as long as it takes. One that does not even list its containers is not
// waited for.
func (s Set) rebuild(ctx context.Context, e Engine, by snapshot.By) (recovery.Rebuilt, error) {
	limited, cancel := s.within(ctx, patience)
	defer cancel()
	if _, err := e.Observations(limited); err != nil {
		return recovery.Rebuilt{}, err
	}
	return e.Rebuilder.Rebuild(ctx, by)
}

func plus(all, one recovery.Rebuilt) recovery.Rebuilt {
	all.Found, all.Known = all.Found+one.Found, all.Known+one.Known
	all.Added, all.Left = append(all.Added, one.Added...), append(all.Left, one.Left...)
	return all
}

// Mislabelled asks all engines. Those that do not answer are told of elsewhere.
func (s Set) Mislabelled(ctx context.Context) ([]string, error) {
	return joined(ctx, s, glance, func(ctx context.Context, e Engine) ([]string, error) {
		list, err := e.Mislabelled(ctx)
		if e.Name != "" {
			for i := range list {
				list[i] = e.Name + "/" + list[i]
			}
		}
		return list, err
	})
}

// Observations lists the enabled containers of all engines that answer.
func (s Set) Observations(ctx context.Context) ([]snapshot.Observation, error) {
	return joined(ctx, s, patience, func(ctx context.Context, e Engine) ([]snapshot.Observation, error) { return e.Observations(ctx) })
}

// DiskUsed is the fullest disk that can be seen.
func (s Set) DiskUsed(ctx context.Context) (fullest snapshot.DiskUse, err error) {
	uses, err := joined(ctx, s, glance, func(ctx context.Context, e Engine) ([]snapshot.DiskUse, error) {
		use, err := e.DiskUsed(ctx)
		return []snapshot.DiskUse{use}, err
	})
	for _, use := range uses {
		if use.Share >= fullest.Share {
			fullest = use
		}
	}
	return fullest, err
}

// patience is how long each of several engines may take to answer, and glance how long where somebody waits for the others' answers.
const (
	patience = 10 * time.Second
	glance   = 1500 * time.Millisecond
)

// within limits what one of several engines is asked. The only one may take as long as ctx.
func (s Set) within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if len(s.Engines) == 1 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// joined asks all engines at once, each of several for as long as limit. It returns an error when none answers.
func joined[T any](ctx context.Context, s Set, limit time.Duration, ask func(context.Context, Engine) ([]T, error)) (all []T, err error) {
	s = s.now()
	lists, errs := make([][]T, len(s.Engines)), make([]error, len(s.Engines))
	ctx, cancel := s.within(ctx, limit)
	defer cancel()
	var asked sync.WaitGroup
	for i, e := range s.Engines {
		asked.Go(func() {
			lists[i], errs[i] = snapshot.InTime(ctx, func(ctx context.Context) ([]T, error) { return ask(ctx, e) })
		})
	}
	asked.Wait()
	failed := 0
	for i := range lists {
		all = append(all, lists[i]...)
		if errs[i] != nil {
			failed++
		}
	}
	if failed < len(errs) {
		return all, nil
	}
	return all, errors.Join(errs...)
}

// Ready is nil when all answer. Where there are several, the error is an *AwayError.
func (s Set) Ready(ctx context.Context) error {
	if s = s.now(); len(s.Engines) == 1 {
		return s.Engines[0].Ready(ctx)
	}
	away, err := joined(ctx, s, patience, func(ctx context.Context, e Engine) ([]string, error) {
		if e.Ready(ctx) != nil {
			return []string{e.Name}, nil
		}
		return nil, nil
	})
	if err == nil && len(away) > 0 {
		err = &snapshot.AwayError{Engines: away, All: len(away) == len(s.Engines)}
	}
	return err
}
