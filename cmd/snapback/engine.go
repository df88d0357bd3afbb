package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/metrics"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/capture/vault"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/engines"
	"github.com/snapback/snapback/snapshot/recovery"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

// engineNeeds is what the parts of every engine are made from. All fields but peer are required.
type engineNeeds struct {
	config
	bot, run string // the bot's name, and another one at every start
	peer     string // where other bots reach it; "": they don't
	db       *store.DB
	keys     *keyring.Ring
	spikes   snapshot.Spikes
	measured *metrics.Metrics
	log      *slog.Logger
}

// engineParts is one container engine, with what is done with it. Every engine has all of them for itself: its own watch, its own
// limit of its disk, its own slots for commits, and its own restores.
type engineParts struct {
	*docker.Engine
	at         engineAt
	disk       *capture.Disk
	registry   *watch.Registry
	volumes    *capture.Volumes
	duplicator *recovery.Duplicator
	taker      *capture.Taker
	restorer   *restore.Restorer
	watcher    *watch.Watcher
	logs       *logtail.Follower // nil until follow
}

// newEngine wires one engine in a straight line. Nothing is started. It fails where a setting is wrong, and not for an engine that
// is away.
func newEngine(ctx context.Context, n engineNeeds, at engineAt) (*engineParts, error) {
	if at.name != "" {
		n.log = n.log.With("at", at.name)
	}
	me := watch.Presence{Bot: n.bot, Link: at.name, Run: n.run, Scope: n.Only, Address: at.address(), Peer: n.peer}
	p := &engineParts{at: at, registry: watch.NewRegistry(watch.RegistryConfig{Store: n.db, Me: me, Logger: n.log})}
	cfg := at.reach(n.config)
	cfg.Namer, cfg.Record, cfg.Logger = p.registry, n.db, n.log
	engine, err := docker.New(ctx, cfg)
	if err != nil {
		return nil, usageError{at.wrap(err)}
	}
	p.Engine = engine
	n.log.Info("container engine", "from", engine.From())
	if engine.InTheClear() {
		n.log.Warn(errInTheClear.Error()+": "+useTLS, "setting", at.setting())
	}
	if err := within(ctx, startPatience, engine.Supported); errors.Is(err, docker.ErrUnsupported) {
		return p, usageError{fmt.Errorf("%s: %w", at.setting(), err)}
	}
	if err := within(ctx, startPatience, engine.Denied); errors.Is(err, snapshot.ErrEngineDenied) {
		n.log.Error("the engine does not allow what snapshots and restores need", "err", err)
	}
	p.disk = &capture.Disk{Used: engine.DiskUsed, Takes: engine.CommitTakes, Limit: n.DiskLimit, Audit: n.db, Logger: n.log}
	archives, err := vault.New(vault.Config{Dir: at.folder(n.DataDir), Keys: n.keys, Limit: n.DiskLimit})
	if err != nil {
		return p, usageError{fmt.Errorf("SNAPBACK_DATA_DIR: %w", err)}
	}
	p.volumes = capture.NewVolumes(capture.VolumesConfig{Engine: engine, Vault: archives, Used: n.db.VolumeSets, Logger: n.log})
	if err := within(ctx, startPatience, p.volumes.Recover); err != nil {
		n.log.Warn("looking for containers that were left paused", "err", err) // the watch tries again
	}
	p.duplicator = recovery.New(recovery.Config{Engine: engine, Store: n.db, Keys: n.keys, Ref: docker.Ref, Logger: n.log})
	p.taker = capture.New(capture.Config{
		Engine: engine, Ref: docker.Ref, Store: p.duplicator.Snapshots(), Lock: n.db, Audit: n.db, Logger: n.log, Zone: n.Zone, Limit: n.Commits, Room: p.disk.Room,
		Volumes: p.volumes, Spiking: n.spikes.At, Observe: n.measured.Snapshot,
	})
	p.restorer = restore.New(restore.Config{
		Engine: engine, Journal: n.db, Snapshots: n.db, Taker: p.taker, Volumes: p.volumes, Bot: n.bot, Only: n.Only, Logger: n.log, Zone: n.Zone,
		Keep: n.KeepBefore, Proves: n.BaselineAfter, Observe: n.measured.Restore,
	})
	leftovers := &restore.Leftovers{Engine: engine, Store: n.db, Logger: n.log}
	p.watcher = watch.New(watch.Config{
		Engine: engine, Store: n.db, Deploys: p.duplicator.Deploys(n.db), Taker: p.taker, Scope: n.Only, Logger: n.log, Zone: n.Zone,
		BaselineAfter: n.BaselineAfter, MaxAge: n.MaxAge, Forget: n.Forget, Spiking: n.spikes.At, Observe: n.measured.Deploy, Leads: n.db, Me: me,
		Chores: []watch.Chore{
			{Name: "removing containers from before", Do: leftovers.RemoveKept},
			{Name: "removing what restores have left", Do: leftovers.RemoveStrays},
			{Name: "removing surplus archives of volumes", Do: p.volumes.LookAfter},
			{Name: "removing helpers that were left", Do: engine.RemoveIdleHelpers},
		},
	})
	return p, nil
}

// follow has the errors in the logs of the engine's containers counted, once it is started.
func (p *engineParts) follow(c logtail.Config) {
	c.Engine = p.Engine
	p.logs = logtail.New(c)
}

// start sets the parts to work, and has each stopped in turn.
func (p *engineParts) start(stop *stops) {
	p.registry.Start(p.Introduce, p.Ping)
	stop.add(p.registry.Stop)
	p.restorer.Start()
	stop.keep(restorerStop, p.restorer.Stop)
	p.duplicator.Start()
	stop.add(p.duplicator.Stop)
	p.watcher.Start()
	stop.add(p.watcher.Stop)
	p.logs.Start()
	stop.add(p.logs.Stop)
}

// allEngines are those of the settings, wired.
type allEngines []*engineParts

// newEngines wires all of them. Those that were made are closed by stop, also when it fails.
func newEngines(ctx context.Context, n engineNeeds, stop *stops) (all allEngines, err error) {
	for _, name := range unusedWithEngines(n.Engines, os.Getenv) {
		n.log.Warn("SNAPBACK_ENGINES is set, so this is not used", "setting", name)
	}
	all, err = wired(n.Engines, func(at engineAt) (*engineParts, error) { return newEngine(ctx, n, at) })
	for _, p := range all {
		if p != nil {
			stop.add(func(context.Context) error { return p.Close() })
		}
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// wired makes the parts of all engines side by side, so that the start waits for the slowest one alone. They are in the order of the
// settings, with nil for those of which nothing was made.
func wired(list []engineAt, wire func(engineAt) (*engineParts, error)) (allEngines, error) {
	all, errs := make(allEngines, len(list)), make([]error, len(list))
	var made sync.WaitGroup
	for i, at := range list {
		made.Go(func() { all[i], errs[i] = wire(at) })
	}
	made.Wait()
	return all, errors.Join(errs...)
}

// set is all of them, as they are asked one by one.
func (a allEngines) set(db *store.DB) (s engines.Set) {
	s.Journal = db
	for _, p := range a {
		s.Engines = append(s.Engines, engines.Engine{
			Name: p.at.name, Asked: p.Engine, Restorer: p.restorer, Taker: p.taker, Rebuilder: p.duplicator,
			Examiner: snapshot.Examiner{Engine: p.Engine, Watch: p.watcher},
		})
	}
	return s
}

// reached is all of them, as lists are made of them.
func (a allEngines) reached() (list []snapshot.Reached) {
	for _, p := range a {
		list = append(list, snapshot.Reached{Called: p.at.name, Silent: &snapshot.Silence{}, Containers: p.Engine})
	}
	return list
}

// docker is all of them, bare.
func (a allEngines) docker() (list []*docker.Engine) {
	for _, p := range a {
		list = append(list, p.Engine)
	}
	return list
}

// follow has the errors in all logs counted.
func (a allEngines) follow(c logtail.Config) (logs []*logtail.Follower) {
	for _, p := range a {
		p.follow(c)
		logs = append(logs, p.logs)
	}
	return logs
}

// checks are for /readyz: one for each engine, by name where there are several.
func (a allEngines) checks() (list []api.Check) {
	for _, p := range a {
		list = append(list, api.Check{Name: p.at.title(), Ask: p.Ready, OneOf: "engine"})
	}
	return list
}
