package main

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/engines"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/swarm"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

// everything is what the bot looks after: engines, and the Swarms that they manage.
type everything struct {
	allEngines
	swarms []*swarmParts
}

// swarmParts is one Swarm, with what is done with its services. It is an engine beside that of its manager, with a watch and restores
// of its own. Nothing of a service is on an engine, so it needs neither a duplicator nor a limit of a disk.
type swarmParts struct {
	*swarm.Cluster
	name     string
	manager  *docker.Engine
	registry *watch.Registry
	taker    *capture.Taker
	restorer *restore.Restorer
	watcher  *watch.Watcher
}

// newEverything wires the engines, and the Swarms of those that are managers.
func newEverything(ctx context.Context, n engineNeeds, stop *stops) (all everything, err error) {
	if all.allEngines, err = newEngines(ctx, n, stop); err != nil {
		return all, err
	}
	for _, found := range all.managed(ctx, n.log) {
		all.swarms = append(all.swarms, newSwarm(n, found))
	}
	return all, nil
}

// managed is a Swarm that one of the engines is a manager of.
type managed struct {
	name    string // what people call the Swarm
	manager *docker.Engine
}

// managed asks each engine once whether it is a manager. One that does not answer now is not asked again: its services are seen after
// the next start.
func (a allEngines) managed(ctx context.Context, log *slog.Logger) (found []managed) {
	var seen []string
	for i, told := range managedBy(ctx, a.docker()) {
		p := a[i]
		if told.err != nil {
			log.Warn("whether the engine manages a Swarm can't be told: should it, its services are seen after the next start", "at", p.at.name, "err", told.err)
		}
		if told.cluster == "" || slices.Contains(seen, told.cluster) {
			continue
		}
		seen = append(seen, told.cluster)
		found = append(found, managed{swarmName(p.at.name), p.Engine})
	}
	return found
}

// swarmSuffix is what follows an engine's name in that of its Swarm.
const swarmSuffix = "-swarm"

// swarmName is what people call the Swarm of an engine.
func swarmName(engine string) string {
	if engine == "" {
		return "swarm"
	}
	return engine + swarmSuffix
}

// swarmTitle is what people are told of a Swarm by.
func swarmTitle(name string) string {
	if name == swarmName("") {
		return "The Swarm"
	}
	return "The Swarm " + name
}

// asked is which Swarm an engine manages: its ID, "" for none.
type asked struct {
	cluster string
	err     error
}

// managedBy asks engines side by side which Swarms they manage. The answers are in the engines' order.
func managedBy(ctx context.Context, list []*docker.Engine) []asked {
	out := make([]asked, len(list))
	var asking sync.WaitGroup
	for i, engine := range list {
		asking.Go(func() {
			out[i].err = within(ctx, startPatience, func(ctx context.Context) (err error) {
				out[i].cluster, err = swarm.Managed(ctx, engine)
				return err
			})
		})
	}
	asking.Wait()
	return out
}

// enabledServices are those of the Swarm that the engine is a manager of, and what is wrong with labels of others.
func enabledServices(ctx context.Context, engine *docker.Engine, only string) (list []snapshot.Container, wrong []string, err error) {
	cluster := swarm.New(swarm.Config{Manager: engine, Only: only})
	if list, err = cluster.List(ctx); err != nil {
		return nil, nil, err
	}
	wrong, err = cluster.Mislabelled(ctx)
	return list, wrong, err
}

// newSwarm wires one Swarm in a straight line. Nothing is started.
func newSwarm(n engineNeeds, of managed) *swarmParts {
	n.log = n.log.With("at", of.name)
	n.log.Info("Docker Swarm", "manager", of.manager.From())
	me := watch.Presence{Bot: n.bot, Link: of.name, Run: n.run, Scope: n.Only, Peer: n.peer}
	p := &swarmParts{name: of.name, manager: of.manager, registry: watch.NewRegistry(watch.RegistryConfig{
		Store: n.db, Me: me, Logger: n.log, Title: swarmTitle(of.name), Cause: "it has no leader, or the engine here is no manager of it any more",
	})}
	p.Cluster = swarm.New(swarm.Config{Manager: of.manager, Only: n.Only, Namer: p.registry})
	p.taker = capture.New(capture.Config{
		Engine: p.Cluster, Ref: docker.Ref, Store: n.db, Lock: n.db, Audit: n.db, Logger: n.log, Zone: n.Zone, Limit: n.Commits,
		Spiking: n.spikes.At, Observe: n.measured.Snapshot,
	})
	p.restorer = restore.New(restore.Config{
		Engine: p.Cluster, Journal: n.db, Snapshots: n.db, Taker: p.taker, Bot: n.bot, Only: n.Only, Logger: n.log, Zone: n.Zone,
		Keep: n.KeepBefore, Proves: n.BaselineAfter, Observe: n.measured.Restore,
	})
	leftovers := &restore.Leftovers{Engine: p.Cluster, Store: n.db, Logger: n.log}
	labels := &swarm.Labels{Cluster: p.Cluster, Store: n.db, Logger: n.log}
	p.watcher = watch.New(watch.Config{
		Engine: p.Cluster, Store: n.db, Deploys: n.db, Taker: p.taker, Scope: n.Only, Logger: n.log, Zone: n.Zone,
		BaselineAfter: n.BaselineAfter, MaxAge: n.MaxAge, Forget: n.Forget, Spiking: n.spikes.At, Observe: n.measured.Deploy, Leads: n.db, Me: me,
		Chores: []watch.Chore{
			{Name: "ending the time of specs from before", Do: leftovers.RemoveKept},
			{Name: "labelling what kept specs need", Do: labels.Update},
		},
	})
	return p
}

// start sets the parts to work, and has each stopped in turn.
func (p *swarmParts) start(stop *stops) {
	p.registry.Start(p.Introduce, p.Answers)
	stop.add(p.registry.Stop)
	p.restorer.Start()
	stop.keep(restorerStop, p.restorer.Stop)
	p.watcher.Start()
	stop.add(p.watcher.Stop)
}

// besideSwarms is what people call an engine that has no name in the settings, where there are Swarms as well.
const besideSwarms = "engine"

// set is all of them, as they are asked one by one.
func (a everything) set(db *store.DB) engines.Set {
	s := a.allEngines.set(db)
	if len(a.swarms) == 0 {
		return s
	}
	for i := range s.Engines {
		s.Engines[i].Name = cmp.Or(s.Engines[i].Name, besideSwarms)
	}
	for _, p := range a.swarms {
		s.Engines = append(s.Engines, engines.Engine{
			Name: p.name, Asked: p.Cluster, Restorer: p.restorer, Taker: p.taker, Examiner: snapshot.Examiner{Engine: p.Cluster, Watch: p.watcher},
		})
	}
	return s
}

// reached is all of them, as lists are made of them.
func (a everything) reached() []snapshot.Reached {
	list := a.allEngines.reached()
	if len(a.swarms) == 0 {
		return list
	}
	for i := range list {
		list[i].Called = cmp.Or(list[i].Called, besideSwarms)
	}
	for _, p := range a.swarms {
		list = append(list, snapshot.Reached{Called: p.name, Silent: &snapshot.Silence{}, Containers: p.Cluster})
	}
	return list
}

// terminals is what terminals are opened on.
func (a everything) terminals(resolve func(ctx context.Context, key string) (string, error)) terminal.Engine {
	of := docker.NewTerminals(a.docker(), resolve)
	if len(a.swarms) == 0 {
		return of
	}
	return &terminals{Engine: of, swarms: a.swarms, seen: map[string]*swarmParts{}}
}

// checks are for /readyz.
func (a everything) checks() []api.Check {
	list := a.allEngines.checks()
	for _, p := range a.swarms {
		list = append(list, api.Check{Name: p.name, Ask: p.Ready, OneOf: "engine"})
	}
	return list
}

// start sets all to work. The Swarms are stopped first, side by side: they speak through engines.
func (a everything) start(stop *stops) {
	a.allEngines.start(stop)
	each := make([]stops, len(a.swarms))
	for i, p := range a.swarms {
		p.start(&each[i])
	}
	if len(each) > 0 {
		*stop = append(*stop, sideBySide(each))
	}
}
