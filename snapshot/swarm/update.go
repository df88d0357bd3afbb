package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/snapback/snapback/snapshot"
)

// RevisionOf is the revision that the service of a document has once the document's spec is its own. It returns ErrGone when there is
// no such service any more.
func (c *Cluster) RevisionOf(ctx context.Context, raw json.RawMessage) (string, error) {
	d, s, err := parseDocument(raw)
	if err != nil {
		return "", err
	}
	now, err := c.serviceOf(ctx, d, s.Name)
	if err != nil {
		return "", err
	}
	return revision(now.ID, d.Spec)
}

// Check says in words what speaks against putting a document's spec in the place of the service's own, and what of it does not come back:
// it changes nothing.
func (c *Cluster) Check(ctx context.Context, raw json.RawMessage) (snapshot.Finding, error) {
	var found snapshot.Finding
	d, s, err := parseDocument(raw)
	if err != nil {
		return found, err
	}
	now, err := c.serviceOf(ctx, d, s.Name)
	if errors.Is(err, snapshot.ErrGone) {
		found.Problems = []string{fmt.Sprintf("the service %s was removed: deploy it again, with docker stack deploy or docker service create", s.Name)}
		return found, nil
	}
	if err != nil {
		return found, err
	}
	if name, digest := s.image(); digest == "" {
		found.Losses = []string{fmt.Sprintf("the exact image: the spec has no digest, and %s is whatever its tag means now", name)}
	}
	if (s.Mode.Global != nil) != (now.spec.Mode.Global != nil) {
		found.Problems = append(found.Problems, "it ran on every node then, or does now, and a Swarm can't change that: remove the service, and deploy it again")
	}
	for _, f := range s.files() {
		err := c.Manager.Get(ctx, f.path, nil, nil)
		if errors.Is(err, snapshot.ErrGone) {
			found.Problems = append(found.Problems, fmt.Sprintf("the %s %s was removed: create it again under another name, and deploy", f.kind, f.name))
		} else if err != nil {
			return found, err
		}
	}
	for _, n := range s.networks() {
		err := c.Manager.Get(ctx, "/networks/"+url.PathEscape(n.Target), nil, nil)
		if errors.Is(err, snapshot.ErrGone) {
			found.Problems = append(found.Problems, fmt.Sprintf("the network %s was removed", nameOr(d.Networks[n.Target], n.Target)))
		} else if err != nil {
			return found, err
		}
	}
	return found, nil
}

func nameOr(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

type file struct{ kind, name, path string }

// files are the configs and secrets that a spec refers to.
func (s spec) files() (out []file) {
	of := s.TaskTemplate.ContainerSpec
	for _, r := range of.Configs {
		out = append(out, file{"config", r.ConfigName, "/configs/" + url.PathEscape(r.ConfigID)})
	}
	for _, r := range of.Secrets {
		out = append(out, file{"secret", r.SecretName, "/secrets/" + url.PathEscape(r.SecretID)})
	}
	return out
}

// serviceOf is the service of a document, or the one that was created under its name when that was removed.
func (c *Cluster) serviceOf(ctx context.Context, d document, name string) (view, error) {
	v, err := c.service(ctx, d.Service)
	if !errors.Is(err, snapshot.ErrGone) {
		return v, err
	}
	v, err = c.service(ctx, name) // which may also be the beginning of another one's ID
	if err == nil && v.spec.Name != name {
		return view{}, snapshot.ErrGone
	}
	return v, err
}

func (c *Cluster) service(ctx context.Context, id string) (view, error) {
	var s service
	if err := c.Manager.Get(ctx, "/services/"+url.PathEscape(id), nil, &s); err != nil {
		return view{}, err
	}
	return viewOf(s)
}

// Update puts a document's spec in the place of the service's own, which has to be one of the revisions from, with as many tasks
// as there are to be now, or with replicas as there were to be then. It is done when the service is that already. It returns snapshot.ErrReplaced when the service is something
// else by now, ErrGone when it was removed, and ErrMoved when the manager has written to it in between, as it does while it updates
// it: whoever asks again has to look first whether it still may.
func (c *Cluster) Update(ctx context.Context, raw json.RawMessage, from []string, replicas bool) error {
	d, s, err := parseDocument(raw)
	if err != nil {
		return err
	}
	now, err := c.serviceOf(ctx, d, s.Name)
	if err != nil {
		return err
	}
	want, err := revision(now.ID, d.Spec)
	if err != nil {
		return err
	}
	same := now.revision == want
	if then, replicated := s.replicas(); replicas && replicated {
		is, _ := now.spec.replicas()
		same = same && (is == then || !slices.Contains(from, want)) // not one of from: it was done, and somebody has scaled it since
		now.spec.Mode.Replicated = s.Mode.Replicated
	}
	switch {
	case same:
		return nil
	case !slices.Contains(from, now.revision):
		return snapshot.ErrReplaced
	}
	if err = c.put(ctx, now, d.Spec); outOfSequence(err) {
		return fmt.Errorf("%w: %w", snapshot.ErrMoved, err)
	}
	return err
}

// Again begins the update to the spec of a document anew, which the service has already: its tasks are replaced once more. The errors are
// Update's.
func (c *Cluster) Again(ctx context.Context, raw json.RawMessage) error {
	d, s, err := parseDocument(raw)
	if err != nil {
		return err
	}
	now, err := c.serviceOf(ctx, d, s.Name)
	if err != nil {
		return err
	}
	if want, err := revision(now.ID, d.Spec); err != nil || want != now.revision {
		return errors.Join(err, snapshot.ErrReplaced)
	}
	now.spec.TaskTemplate.ForceUpdate++
	if err = c.put(ctx, now, now.Spec); outOfSequence(err) {
		return fmt.Errorf("%w: %w", snapshot.ErrMoved, err)
	}
	return err
}

// put sends a spec for a service as it was seen. Who may pull its image stays as it is.
func (c *Cluster) put(ctx context.Context, now view, wanted json.RawMessage) error {
	body, err := fitted(wanted, now)
	if err != nil {
		return err
	}
	query := url.Values{"version": {strconv.FormatUint(now.Version.Index, 10)}, "registryAuthFrom": {"spec"}}
	return c.Manager.Post(ctx, "/services/"+url.PathEscape(now.ID)+"/update", query, body, nil)
}

// fitted is a spec with what it does not decide: how many tasks there are, and how often they were started anew.
func fitted(wanted json.RawMessage, now view) (any, error) {
	value, err := decode(wanted)
	if err != nil {
		return nil, err
	}
	body := object(value)
	body["Name"] = now.spec.Name
	if n, replicated := now.spec.replicas(); replicated {
		object(object(body["Mode"])["Replicated"])["Replicas"] = n
	}
	object(body["TaskTemplate"])["ForceUpdate"] = now.spec.TaskTemplate.ForceUpdate
	return body, nil
}

func outOfSequence(err error) bool {
	return err != nil && strings.Contains(err.Error(), "update out of sequence")
}

// Tasks counts the tasks of the service that a document is of, and says which revision it is now. It returns ErrGone when it was
// removed.
func (c *Cluster) Tasks(ctx context.Context, raw json.RawMessage) (n snapshot.Tasks, revision string, err error) {
	d, s, err := parseDocument(raw)
	if err != nil {
		return n, "", err
	}
	now, err := c.serviceOf(ctx, d, s.Name)
	if err != nil {
		return n, "", err
	}
	tasks, err := c.tasksOf(ctx, now.ID)
	if err != nil {
		return n, "", err
	}
	on, err := c.nodes(ctx)
	if err != nil {
		return n, "", err
	}
	n, err = now.tally(tasks[now.ID], on)
	return n, now.revision, err
}

// AsBefore implements restore.Describer: a restore changes nothing of a service but its spec.
func (c *Cluster) AsBefore(raw json.RawMessage, _ string, _ snapshot.RestartPolicy) (json.RawMessage, error) {
	return raw, nil
}

// Tail implements restore.Describer.
func (c *Cluster) Tail(context.Context, string, int) (string, error) { return "", nil }
