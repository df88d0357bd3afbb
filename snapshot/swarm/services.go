package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// view is a service, its spec read, and the revision that it is.
type view struct {
	service
	spec     spec
	revision string
	at       time.Time // when it was looked at
	from     time.Time // when it was first seen to be that; zero: it was not yet
}

// services are those that stand, enabled or not.
func (c *Cluster) services(ctx context.Context) ([]view, error) {
	var all []service
	if err := c.Manager.Get(ctx, "/services", nil, &all); err != nil {
		return nil, fmt.Errorf("listing services: %w", err)
	}
	var out []view
	for _, s := range all {
		v, err := viewOf(s)
		if err != nil {
			return nil, err
		}
		if v.spec.stands() {
			out = append(out, v)
		}
	}
	return out, nil
}

func viewOf(s service) (v view, err error) {
	v = view{service: s, at: time.Now()}
	if v.spec, err = parseSpec(s.Spec); err != nil {
		return v, fmt.Errorf("reading the spec of service %s: %w", s.ID, err)
	}
	v.revision, err = revision(s.ID, s.Spec)
	return v, err
}

// came is when the manager was told of this spec, or of something else since that has begun no update, such as another number of
// tasks. A service whose spec was never changed has it from the beginning.
func (v view) came() time.Time {
	switch {
	case !v.from.IsZero():
		return v.from
	case !v.UpdateStatus.StartedAt.IsZero():
		return v.UpdateStatus.StartedAt.UTC()
	case len(v.PreviousSpec) > 0:
		return v.UpdatedAt.UTC()
	}
	return v.CreatedAt.UTC()
}

// List returns all enabled services.
func (c *Cluster) List(ctx context.Context) ([]snapshot.Container, error) {
	looked, err := c.look(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []snapshot.Container
	for _, l := range looked {
		if enabled, within := l.spec.enabled(c.Only); enabled && within {
			out = append(out, l.container)
		}
	}
	return out, nil
}

// looked is a service with how its tasks are.
type looked struct {
	view
	counted   bool // it is enabled, or was asked for
	tasks     snapshot.Tasks
	stood     []snapshot.PlacedTask // those that run
	carries   string                // as snapshot.Container has it
	container snapshot.Container
}

// look lists services, counts the tasks of those that are enabled and of the one that is asked for, by its name or revision, and
// remembers what they are. Where there are none of those, the manager is asked for no tasks.
func (c *Cluster) look(ctx context.Context, asked string) ([]looked, error) {
	engine, err := c.ID(ctx)
	if err != nil {
		return nil, err
	}
	views, err := c.services(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]looked, 0, len(views))
	for _, v := range views {
		enabled, _ := v.spec.enabled(c.Only)
		out = append(out, looked{view: v, counted: enabled || v.is(asked)})
	}
	if err := c.countTasks(ctx, out); err != nil {
		return nil, err
	}
	c.remember(out)
	for i, l := range out {
		out[i].container = l.view.container(engine, c.Only, l.tasks)
		out[i].container.Carries = l.carries
	}
	return out, nil
}

// is says that a service goes by that name or revision.
func (v view) is(idOrName string) bool {
	return idOrName != "" && (v.spec.Name == idOrName || snapshot.SameOrShort(v.revision, idOrName))
}

// countTasks counts the tasks of those of a list that are to be counted.
func (c *Cluster) countTasks(ctx context.Context, list []looked) error {
	if !slices.ContainsFunc(list, func(l looked) bool { return l.counted }) {
		return nil
	}
	tasks, err := c.tasksOf(ctx, "")
	if err != nil {
		return err
	}
	on, err := c.nodes(ctx)
	if err != nil {
		return err
	}
	for i, l := range list {
		if !l.counted {
			continue
		}
		if list[i].tasks, err = l.view.tally(tasks[l.ID], on); err != nil {
			return err
		}
		list[i].stood = l.view.stood(tasks[l.ID], on, list[i].tasks)
		list[i].carries = c.carries(ctx, l.view, tasks[l.ID])
	}
	return nil
}

func (v view) container(engine, only string, n snapshot.Tasks) snapshot.Container {
	settings := v.spec.settings(only)
	name, _ := v.spec.image()
	c := snapshot.Container{
		Key: keyOf(engine, v.spec.Name), ID: v.revision, Name: v.spec.Name, Engine: engine, Service: v.spec.Name,
		Image: name, ImageID: v.spec.imageID(), CreatedAt: v.came(), StartedAt: v.came(), Settings: settings, Tasks: &n,
		Project: v.spec.Labels[stackLabel],
	}
	if n.Since.After(c.StartedAt) {
		c.StartedAt = n.Since.UTC()
	}
	if settings.Service != "" {
		c.Service = settings.Service
	}
	c.Own, c.State, c.Health = c.Key, n.State(), n.Health()
	return c
}

// stackLabel is what docker stack deploy puts on the services of a stack.
const stackLabel = "com.docker.stack.namespace"

func keyOf(engine, name string) string { return engine + "/" + name }

// Inspect looks a service up by its name, by its revision, or by a revision that it was seen to be before. It returns
// ErrUnknownContainer when there is none.
func (c *Cluster) Inspect(ctx context.Context, idOrName string) (snapshot.Inspection, error) {
	all, err := c.look(ctx, idOrName)
	if err != nil {
		return snapshot.Inspection{}, err
	}
	i := slices.IndexFunc(all, func(l looked) bool { return l.is(idOrName) })
	if i < 0 {
		return c.former(ctx, all, idOrName)
	}
	l := all[i]
	in := l.inspection(l.container)
	if enabled, within := l.spec.enabled(c.Only); !enabled || !within {
		return in, nil
	}
	in.Enabled = true
	in.Document, err = c.document(ctx, l.ID, l.Spec, l.stood)
	return in, err
}

// Log is by what the log of an enabled service is read.
type Log struct {
	Service string   // its ID
	Env     []string // whose secrets are not to be shown: also those of its specs from before, whose tasks have written to it as well
	TTY     bool     // its lines have no streams
}

// Logged looks a service up by its revision. It returns ErrGone when it is something else by now, and ErrNotEnabled.
func (c *Cluster) Logged(ctx context.Context, id string) (Log, error) {
	all, err := c.services(ctx)
	if err != nil {
		return Log{}, err
	}
	i := slices.IndexFunc(all, func(v view) bool { return v.revision == id })
	if i < 0 {
		return Log{}, fmt.Errorf("%w: %.12s", snapshot.ErrGone, id)
	}
	v := all[i]
	if enabled, within := v.spec.enabled(c.Only); !enabled || !within {
		return Log{}, fmt.Errorf("%w: %s", snapshot.ErrNotEnabled, v.spec.Name)
	}
	env, err := c.everyEnv(v)
	return Log{Service: v.ID, Env: env, TTY: v.spec.TaskTemplate.ContainerSpec.TTY}, err
}

// everyEnv is the environment of a service, of what it was seen to be, and of what the manager says that it was before, each pair once.
func (c *Cluster) everyEnv(v view) (env []string, err error) {
	specs := []json.RawMessage{v.Spec}
	if len(v.PreviousSpec) > 0 {
		specs = append(specs, v.PreviousSpec)
	}
	c.mu.Lock()
	for _, was := range c.seen[v.ID] {
		specs = append(specs, was.spec)
	}
	c.mu.Unlock()
	for _, raw := range specs {
		s, err := parseSpec(raw)
		if err != nil {
			return nil, fmt.Errorf("reading a spec of service %s: %w", v.ID, err)
		}
		if of := s.TaskTemplate.ContainerSpec; of != nil {
			env = append(env, of.Env...)
		}
	}
	slices.Sort(env)
	return slices.Compact(env), nil
}

func (l looked) inspection(of snapshot.Container) snapshot.Inspection {
	in := snapshot.Inspection{
		Container: of, ExitCode: l.tasks.ExitCode, Restarts: l.tasks.Failed, StopTimeout: -1, HasCheck: true, Labels: l.spec.labels(), FinishedAt: l.tasks.FailedAt,
	}
	if !l.tasks.Since.IsZero() {
		in.Up = max(0, l.at.Sub(l.tasks.Since)) // by the clocks of two machines
	}
	return in
}

// former is a revision that a service was, as far as this program or the manager remembers it. It has ended.
func (c *Cluster) former(ctx context.Context, all []looked, id string) (snapshot.Inspection, error) {
	for _, l := range all {
		past, ok := c.past(l.view, id)
		if !ok {
			continue
		}
		s, err := parseSpec(past.spec)
		if err != nil {
			return snapshot.Inspection{}, err
		}
		was := looked{view: l.view}
		was.spec, was.revision = s, id
		of := was.view.container(l.container.Engine, c.Only, was.tasks)
		of.Carries = l.container.Carries
		of.State, of.Health, of.CreatedAt, of.StartedAt = "exited", "", past.from, past.good
		in := was.inspection(of)
		in.FinishedAt = past.until
		if enabled, within := s.enabled(c.Only); !enabled || !within {
			return in, nil
		}
		in.Enabled = true
		in.Document, err = c.document(ctx, l.ID, past.spec, past.stood)
		return in, err
	}
	return snapshot.Inspection{}, fmt.Errorf("%w: %q", snapshot.ErrUnknownContainer, id)
}

// document is what is kept of a spec, with the names of its networks, and the tasks that ran.
func (c *Cluster) document(ctx context.Context, serviceID string, raw json.RawMessage, stood []snapshot.PlacedTask) (json.RawMessage, error) {
	s, err := parseSpec(raw)
	if err != nil {
		return nil, err
	}
	d := document{Service: serviceID, Spec: raw, Tasks: stood}
	if d.Networks, err = c.networkNames(ctx, s.networks()); err != nil {
		return nil, err
	}
	return json.Marshal(d)
}

// networkNames are the names of networks by ID, without those of networks that are gone. A network keeps its name.
func (c *Cluster) networkNames(ctx context.Context, which []attachment) (map[string]string, error) {
	out := map[string]string{}
	for _, n := range which {
		c.mu.Lock()
		name, known := c.networks[n.Target]
		c.mu.Unlock()
		if !known {
			var found struct{ Name string }
			err := c.Manager.Get(ctx, "/networks/"+url.PathEscape(n.Target), nil, &found)
			if errors.Is(err, snapshot.ErrGone) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("asking for the name of a network: %w", err)
			}
			name = found.Name
			c.mu.Lock()
			c.networks[n.Target] = name
			c.mu.Unlock()
		}
		out[n.Target] = name
	}
	return out, nil
}
