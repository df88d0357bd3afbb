package main

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/engines"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/swarm"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

// everything is what the bot looks after: engines, and the Swarms that they manage.
type everything struct {
	allEngines
	swarms *swarms
}

// swarmParts is one Swarm, with what is done with its services. It is an engine beside that of its manager, with a watch and restores
// of its own. Nothing of a service is on an engine, so it needs neither a duplicator nor a limit of a disk.
type swarmParts struct {
	*swarm.Cluster
	name     string
	manager  *docker.Engine
	silent   *snapshot.Silence
	registry *watch.Registry
	taker    *capture.Taker
	restorer *restore.Restorer
	watcher  *watch.Watcher
	logs     *logtail.Follower // nil until follow
}

// newEverything wires the engines, and the Swarms of those that are managers now.
func newEverything(ctx context.Context, n engineNeeds, stop *stops) (all everything, err error) {
	if all.allEngines, err = newEngines(ctx, n, stop); err != nil {
		return all, err
	}
	var may []mayManage
	for _, p := range all.allEngines {
		absence := registryOf(n, swarmName(p.at.name), "it has no leader")
		absence.Logger = n.log.With("at", absence.Me.Link)
		may = append(may, mayManage{name: p.at.name, Engine: p.Engine, absence: watch.NewRegistry(absence)})
	}
	all.swarms = newSwarms(may, n.log, func(name string, manager *docker.Engine) *swarmParts {
		return newSwarm(n, name, manager, all.docker())
	})
	all.swarms.look(ctx, time.Now())
	return all, nil
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
	cluster := swarm.New(swarm.Config{Manager: engine, Only: only, Carries: engine.Carries})
	if list, err = cluster.List(ctx); err != nil {
		return nil, nil, err
	}
	wrong, err = cluster.Mislabelled(ctx)
	return list, wrong, err
}

// registryOf is of a Swarm, with why it may be away.
func registryOf(n engineNeeds, name, cause string) watch.RegistryConfig {
	me := watch.Presence{Bot: n.bot, Link: name, Run: n.run, Scope: n.Only, Peer: n.peer}
	return watch.RegistryConfig{Store: n.db, Me: me, Logger: n.log, Title: swarmTitle(name), Cause: cause}
}

// newSwarm wires one Swarm in a straight line, with the bot's engines, of which some may be its nodes. Nothing is started.
func newSwarm(n engineNeeds, name string, manager *docker.Engine, engines []*docker.Engine) *swarmParts {
	n.log = n.log.With("at", name)
	n.log.Info("Docker Swarm", "manager", manager.From())
	reg := registryOf(n, name, "it has no leader, or the engine here is no manager of it any more")
	p := &swarmParts{name: name, manager: manager, silent: &snapshot.Silence{}, registry: watch.NewRegistry(reg)}
	p.Cluster = swarm.New(swarm.Config{Manager: manager, Only: n.Only, Namer: p.registry, Carries: manager.Carries, Engines: func(ctx context.Context) map[string]swarm.NodeEngine {
		on := map[string]swarm.NodeEngine{}
		for node, engine := range nodesAmong(ctx, engines) {
			on[node] = engine
		}
		return on
	}})
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
		BaselineAfter: n.BaselineAfter, MaxAge: n.MaxAge, Forget: n.Forget, Spiking: n.spikes.At, Observe: n.measured.Deploy, Leads: n.db, Me: reg.Me,
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
	p.logs.Start()
	stop.add(p.logs.Stop)
}

// besideSwarms is what people call an engine that has no name in the settings, where there are Swarms as well.
const besideSwarms = "engine"

// set is all of them, as they are asked one by one.
func (a everything) set(db *store.DB) engines.Set {
	s := a.allEngines.set(db)
	alone, beside := s.Engines, slices.Clone(s.Engines)
	for i := range beside {
		beside[i].Name = cmp.Or(beside[i].Name, besideSwarms)
	}
	s.Now = func() []engines.Engine {
		return withSwarms(a.swarms, alone, beside, func(p *swarmParts) engines.Engine {
			return engines.Engine{
				Name: p.name, Asked: p.Cluster, Restorer: p.restorer, Taker: p.taker, Examiner: snapshot.Examiner{Engine: p.Cluster, Watch: p.watcher},
			}
		})
	}
	return s
}

// reached is all of them now, as lists are made of them.
func (a everything) reached() func() []snapshot.Reached {
	alone := a.allEngines.reached()
	beside := slices.Clone(alone)
	for i := range beside {
		beside[i].Called = cmp.Or(beside[i].Called, besideSwarms)
	}
	return func() []snapshot.Reached {
		return withSwarms(a.swarms, alone, beside, func(p *swarmParts) snapshot.Reached {
			return snapshot.Reached{Called: p.name, Silent: p.silent, Containers: p.Cluster}
		})
	}
}

// follow has the errors in all logs counted. It returns what counts them now.
func (a everything) follow(c logtail.Config) func() []*logtail.Follower {
	of := a.allEngines.follow(c)
	a.swarms.follow(c)
	return func() []*logtail.Follower {
		list := slices.Clone(of)
		for _, p := range a.swarms.all() {
			list = append(list, p.logs)
		}
		return list
	}
}

// withSwarms are the engines, as they are called where there are Swarms as well, and those.
func withSwarms[T any](s *swarms, alone, beside []T, of func(*swarmParts) T) []T {
	found := s.all()
	if len(found) == 0 {
		return alone
	}
	list := slices.Clone(beside)
	for _, p := range found {
		list = append(list, of(p))
	}
	return list
}

// terminals is what terminals are opened on.
func (a everything) terminals(resolve func(ctx context.Context, key string) (string, error)) *terminals {
	return newTerminals(a.docker(), resolve, a.swarms.all)
}

// checks are for /readyz.
func (a everything) checks() []api.Check {
	return append(a.allEngines.checks(), a.swarms.checks()...)
}

// start sets all to work, and the Swarms. Each is stopped beside the others: one that hangs must not take the time in which another one
// brings a restore to its end. A Swarm's parts need no more of their manager than that it is not closed.
func (a everything) start(stop *stops) {
	each := make([]stops, len(a.allEngines)+1)
	for i, p := range a.allEngines {
		p.start(&each[i])
	}
	a.swarms.start()
	each[len(a.allEngines)].keep(restorerStop, a.swarms.stop)
	*stop = append(*stop, sideBySide(each))
}
