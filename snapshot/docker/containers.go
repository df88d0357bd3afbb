package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/snapshot"
)

const (
	enableLabel = "snapback.enable=true"
	atOnce      = 8 // calls to the engine that run side by side
)

// List returns all enabled containers, whatever their state, one for each key, without those that a restore has set aside and
// those that Compose runs for one command. What goes away while it looks is left out. One about which the engine does not answer
// is shown as the engine's own list has it: without its health, and since when it runs.
func (e *Engine) List(ctx context.Context) ([]snapshot.Container, error) {
	engineID, err := e.ID(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := e.rows(ctx, e.ours())
	if err != nil {
		return nil, err
	}
	e.forgetMounted(rows)
	found := make([]*listing, len(rows))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, row := range rows {
		if stands(nameOf(row), row.Labels) {
			group.Go(func() (err error) { found[i], err = e.listed(gctx, engineID, row); return err })
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return e.shown(ctx, engineID, found), nil
}

// stands says that a container may stand for an identity.
func stands(name string, labels map[string]string) bool {
	return name != "" && !snapshot.OurName(name) && !oneOff(labels)
}

// listing is one of List's before it is clear whose place it has.
type listing struct {
	container snapshot.Container
	member    snapshot.Member
	candidate candidate
}

// listed inspects one of List's; nil when it has gone, or is none.
func (e *Engine) listed(ctx context.Context, engineID string, row container.Summary) (*listing, error) {
	d, err := e.lookPatiently(ctx, row.ID)
	switch {
	case errors.Is(err, errSilent):
		return e.listedSilent(engineID, row), nil
	case errors.Is(err, snapshot.ErrGone):
		return nil, nil
	case err != nil || !e.enabled(d) || !stands(d.Name, d.Config.Labels):
		return nil, err
	}
	_, err = e.mountedImages(ctx, d) // before a deploy gives their names to others
	return &listing{d.container(engineID), d.member(engineID), d.candidate()}, err
}

func (e *Engine) listedSilent(engineID string, row container.Summary) *listing {
	c, m := e.fromRow(engineID, row), memberOf(engineID, row)
	c.Own, c.Config, c.State, c.CreatedAt = m.Key, m.Config, m.State, m.CreatedAt
	return &listing{c, m, rowCandidate(row)}
}

// shown are those that stand for a key.
func (e *Engine) shown(ctx context.Context, engineID string, found []*listing) []snapshot.Container {
	found = slices.DeleteFunc(found, func(l *listing) bool { return l == nil })
	var members []snapshot.Member
	for _, l := range found {
		members = append(members, l.member)
	}
	standings := e.standFor(members, e.seats(ctx, engineID), false)
	var out []snapshot.Container
	for _, l := range found {
		c, st := l.container, standings[l.member.ID]
		if !st.Shown {
			continue
		}
		c.Key, c.Beside, c.Carries = st.Key, st.Beside, e.carries(ctx, l.candidate)
		out = append(out, c)
	}
	return out
}

// ours filters for the containers that this bot may touch.
func (e *Engine) ours() filters.Args {
	args := filters.NewArgs(filters.Arg("label", enableLabel))
	if e.only != "" {
		args.Add("label", e.only)
	}
	return args
}

// enabled says whether this bot may touch the container.
func (e *Engine) enabled(d document) bool { return enabledBy(d.Config.Labels, e.only) }

// enabledBy is the one place that decides it. Only is as in Config.
func enabledBy(labels map[string]string, only string) bool {
	key, value, hasValue := strings.Cut(only, "=")
	got, has := labels[key]
	return labels["snapback.enable"] == "true" && (only == "" || has && (!hasValue || got == value))
}

// rows is the engine's own list, of all states.
func (e *Engine) rows(ctx context.Context, which filters.Args) ([]container.Summary, error) {
	rows, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: which})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", known(err, nil))
	}
	return rows, nil
}

// Mislabelled tells of containers that are not enabled though their labels speak of the bot, each in a sentence that says
// why. It reads nothing of them but names and labels.
func (e *Engine) Mislabelled(ctx context.Context) ([]string, error) {
	which := filters.NewArgs()
	if e.only != "" {
		which.Add("label", e.only)
	}
	rows, err := e.rows(ctx, which)
	var out []string
	for _, row := range rows {
		labels := document{Config: config{Labels: row.Labels}, only: e.only}.labels()
		if why := snapshot.Mislabelled(labels); why != "" {
			out = append(out, nameOf(row)+": "+why)
		}
	}
	return out, err
}

// states asks for the state of each container by inspecting it; one that is gone has none. The engine's list is written a
// moment after the state has changed, and still says "running" of a container whose stop has been answered: whoever decides
// by a state has to ask here. Nothing but the state is read, since they may not be enabled.
func (e *Engine) states(ctx context.Context, ids []string) (map[string]string, error) {
	return statesBy(ctx, ids, func(ctx context.Context, id string) (document, error) {
		ctx, cancel := context.WithTimeout(ctx, truthWithin)
		defer cancel()
		d, _, err := e.look(ctx, id)
		return d, err
	})
}

// statesBy leaves those out that are gone, and those about which the engine does not answer.
func statesBy(ctx context.Context, ids []string, look func(context.Context, string) (document, error)) (map[string]string, error) {
	found := make([]string, len(ids))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, id := range ids {
		group.Go(func() error {
			d, err := look(gctx, id)
			if errors.Is(err, snapshot.ErrGone) || errors.Is(err, errSilent) {
				return nil
			}
			found[i] = d.State.Status
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i, id := range ids {
		out[id] = found[i]
	}
	return out, nil
}

func idsOf(rows []container.Summary) []string {
	var out []string
	for _, row := range rows {
		out = append(out, row.ID)
	}
	return out
}

// nameOf is a container's own name: its other names, such as /db/alias, are those that links gave it.
func nameOf(row container.Summary) string {
	for _, name := range row.Names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}

// Inspect looks a container up by ID or exact name. It returns ErrUnknownContainer when there is none. Of a container
// that is not enabled it tells what the labels and the list say, and has no Document.
func (e *Engine) Inspect(ctx context.Context, idOrName string) (snapshot.Inspection, error) {
	idOrName = strings.TrimPrefix(idOrName, "/")
	if checkName(idOrName) != nil {
		return snapshot.Inspection{}, fmt.Errorf("%w: %w", snapshot.ErrUnknownContainer, errGrammar("container ID or name", idOrName))
	}
	engineID, err := e.ID(ctx)
	if err != nil {
		return snapshot.Inspection{}, err
	}
	d, raw, err := e.look(ctx, idOrName)
	if errors.Is(err, snapshot.ErrGone) {
		return snapshot.Inspection{}, fmt.Errorf("%w: %q", snapshot.ErrUnknownContainer, idOrName)
	}
	if err != nil {
		return snapshot.Inspection{}, err
	}
	// The engine also takes any prefix of an ID, which is no way to name a container to be replaced.
	if d.Name != idOrName && !snapshot.SameOrShort(d.ID, idOrName) {
		return snapshot.Inspection{}, fmt.Errorf("%w: %q", snapshot.ErrUnknownContainer, idOrName)
	}
	if !e.enabled(d) {
		return snapshot.Inspection{Container: d.container(engineID), StopTimeout: -1, Labels: d.Config.Labels}, nil
	}
	if raw, err = e.enrich(ctx, d, raw); err != nil {
		return snapshot.Inspection{}, err
	}
	in := d.inspection(engineID, raw)
	in.Key, in.Up, in.Carries = e.keyOf(d.ID, in.Key), e.up(ctx, d), e.carries(ctx, d.candidate())
	return in, nil
}

// look inspects. It returns ErrGone when there is no such container.
func (e *Engine) look(ctx context.Context, idOrName string) (document, json.RawMessage, error) {
	if err := checkName(idOrName); err != nil {
		return document{}, nil, err
	}
	var raw json.RawMessage
	if err := e.get(ctx, "/containers/"+idOrName+"/json", &raw); err != nil {
		return document{}, nil, fmt.Errorf("inspecting %s: %w", idOrName, known(err, snapshot.ErrGone))
	}
	d, err := parse(raw)
	d.only = e.only
	return d, raw, err
}

// allowed inspects a container by its full ID right before something is done to it, and returns ErrNotEnabled unless it
// bears the label now: whoever chose it may have done so a while ago.
func (e *Engine) allowed(ctx context.Context, id string) (document, error) {
	if err := checkID(id); err != nil {
		return document{}, err
	}
	d, _, err := e.look(ctx, id)
	if err != nil {
		return document{}, err
	}
	if !e.enabled(d) {
		return document{}, fmt.Errorf("%w: %s", snapshot.ErrNotEnabled, d.Name)
	}
	return d, nil
}

// expendable is allowed for what ends the container, or holds it still: it returns ErrCarriesBot when the bot depends on it.
func (e *Engine) expendable(ctx context.Context, id string) (document, error) {
	d, err := e.allowed(ctx, id)
	if err != nil {
		return document{}, err
	}
	if why := e.carries(ctx, d.candidate()); why != "" {
		return document{}, fmt.Errorf("%s: %w: %s", d.Name, snapshot.ErrCarriesBot, why)
	}
	return d, nil
}

// enrich adds the key "Snapback" to a document.
func (e *Engine) enrich(ctx context.Context, d document, raw json.RawMessage) (json.RawMessage, error) {
	var add additions
	for _, ref := range []struct {
		mode string
		to   *string
	}{
		{d.HostConfig.NetworkMode, &add.NetworkContainer},
		{d.HostConfig.PidMode, &add.PidContainer},
		{d.HostConfig.IpcMode, &add.IpcContainer},
	} {
		name, err := e.joinedName(ctx, ref.mode)
		if err != nil {
			return nil, err
		}
		*ref.to = name
	}
	for _, m := range d.anonymous() {
		add.AnonymousVolumes = append(add.AnonymousVolumes, m.Destination)
	}
	var err error
	if add.MountedImages, err = e.mountedImages(ctx, d); err != nil {
		return nil, err
	}
	if add.MacAddress, err = e.askedMAC(ctx, d); err != nil {
		return nil, err
	}
	if err := e.addImageFacts(ctx, d.Image, &add); err != nil {
		return nil, err
	}
	doc, err := toObject(raw)
	if err != nil {
		return nil, err
	}
	doc.set("Snapback", add)
	return doc.raw(), nil
}

// askedMAC is the MAC address that was asked for on the container's first network, from the version on in which its document
// does not have it.
func (e *Engine) askedMAC(ctx context.Context, d document) (string, error) {
	if d.primary() == "" || !e.lately(hiddenMAC) {
		return "", nil
	}
	in, err := e.cli.ContainerInspect(ctx, d.ID)
	if err != nil {
		return "", fmt.Errorf("inspecting %s: %w", d.Name, d.known(err, snapshot.ErrUnknownContainer))
	}
	//lint:ignore SA1019 it is deprecated, and the only place that has it
	return in.Config.MacAddress, nil
}

// joinedName is the name of the container that a mode refers to by ID, "" when there is none. Only the list is asked,
// since that container may not be enabled.
func (e *Engine) joinedName(ctx context.Context, mode string) (string, error) {
	target, ok := joins(mode)
	if !ok {
		return "", nil
	}
	if !fullID.MatchString(target) {
		return target, nil
	}
	rows, err := e.rows(ctx, filters.NewArgs(filters.Arg("id", target)))
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return nameOf(rows[0]), nil
}

func notFound(err error) bool { return cerrdefs.IsNotFound(err) }
