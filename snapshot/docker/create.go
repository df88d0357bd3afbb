package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/snapshot"
)

// Create makes a container from spec under name, with all its networks, and does not start it. A container of that name
// that is there already is completed if it is made from the same image and bears the same labels; otherwise the name
// is somebody else's, and the error wraps ErrInUse. On an error the ID is given if there is something to remove.
func (e *Engine) Create(ctx context.Context, name string, spec snapshot.Spec) (string, error) {
	d, err := e.readSpec(name, &spec)
	if err != nil {
		return "", err
	}
	f, err := e.facts(ctx, d, spec)
	if err != nil {
		return "", err
	}
	if !spec.Plain { // a copy is the way back, whatever it is like
		if err := e.refuseGone(ctx, d); err != nil {
			return "", err
		}
	}
	id, err := e.createExact(ctx, name, spec, d, f)
	if errors.Is(err, cerrdefs.ErrConflict) {
		id, err = e.adopt(ctx, name, spec, d)
		if errors.Is(err, snapshot.ErrGone) { // the name is taken, by a container that can't be seen yet
			err = fmt.Errorf("%w: it is still at an earlier create of the same", snapshot.ErrEngineAway)
		}
	}
	if err != nil {
		return id, fmt.Errorf("creating %s: %w", name, d.known(err, snapshot.ErrNotRestorable))
	}
	return id, e.connect(ctx, id, spec, d, f)
}

// readSpec puts the document into its place. It refuses what must not reach the engine: odd names, and documents of containers
// that were not enabled.
func (e *Engine) readSpec(name string, spec *snapshot.Spec) (d document, err error) {
	if err := checkName(name); err != nil {
		return document{}, err
	}
	if err := checkImageID(spec.ImageID); err != nil {
		return document{}, err
	}
	if spec.ImageRef != "" && checkRef(spec.ImageRef) != nil {
		return document{}, errGrammar("image tag of ours", spec.ImageRef)
	}
	if spec.Document, err = placed(spec.Document, spec.Place); err != nil {
		return document{}, err
	}
	if d, err = parse(spec.Document); err != nil {
		return document{}, err
	}
	if err := d.check(); err != nil {
		return document{}, err
	}
	if !e.enabled(d) {
		return document{}, fmt.Errorf("%w: %s", snapshot.ErrNotEnabled, d.Name)
	}
	return d, nil
}

// check refuses documents that name nothing where they should. What may be a name is the engine's to say: see networks.go.
func (d document) check() error {
	for name := range d.NetworkSettings.Networks {
		if strings.TrimSpace(name) == "" {
			return errGrammar("network", name)
		}
	}
	for _, m := range d.Mounts {
		if m.Type == "volume" && m.Name == "" {
			return errGrammar("volume", m.Name)
		}
	}
	return nil
}

// createExact creates, and makes sure that the image is the very one: a tag can move between the look and the create.
func (e *Engine) createExact(ctx context.Context, name string, spec snapshot.Spec, d document, f facts) (string, error) {
	id, err := e.createOnce(ctx, name, spec, d, f)
	if err != nil {
		return "", err
	}
	made, _, err := e.look(ctx, id)
	if err != nil || made.Image == spec.ImageID {
		return id, err
	}
	if err := e.Remove(ctx, id); err != nil {
		return id, err
	}
	f.image = spec.ImageID
	return e.createOnce(ctx, name, spec, d, f)
}

func (e *Engine) createOnce(ctx context.Context, name string, spec snapshot.Spec, d document, f facts) (string, error) {
	body, err := createBody(spec, d, f)
	if err != nil {
		return "", err
	}
	query := url.Values{"name": {name}}
	if platform := d.platform(); platform != "" {
		query.Set("platform", platform)
	}
	var made container.CreateResponse
	if err := e.post(ctx, "/containers/create", query, body, &made); err != nil {
		return "", err
	}
	for _, warning := range made.Warnings {
		e.log.WarnContext(ctx, "the engine warns about a replacement", "container", name, "warning", warning)
	}
	return made.ID, checkID(made.ID)
}

// platform is that of a multi-platform image, which its ID alone does not tell. Documents of engines that have no such
// images don't have it, and need none.
func (d document) platform() string {
	if d.ImageManifestDescriptor == nil || d.ImageManifestDescriptor.Platform == nil {
		return ""
	}
	p := d.ImageManifestDescriptor.Platform
	return strings.Trim(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// adopt takes over the container that an earlier try left under the name.
func (e *Engine) adopt(ctx context.Context, name string, spec snapshot.Spec, d document) (string, error) {
	there, _, err := e.look(ctx, name)
	if err != nil {
		return "", err
	}
	if there.Name != name || there.Image != spec.ImageID || !maps.Equal(there.Config.Labels, d.Config.Labels) {
		return "", fmt.Errorf("%w: the name %s belongs to another container", snapshot.ErrInUse, name)
	}
	return there.ID, nil
}

// connect gives a created container the networks that the create did not, and takes away the one that it did not have.
func (e *Engine) connect(ctx context.Context, id string, spec snapshot.Spec, d document, f facts) error {
	doc, err := toObject(spec.Document)
	if err != nil {
		return err
	}
	now, _, err := e.look(ctx, id)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(d.NetworkSettings.Networks)) {
		to := f.networks[name]
		if _, there := now.NetworkSettings.Networks[to]; there || f.networkIDs[to] == "" || name == "host" || name == "none" {
			continue
		}
		body := map[string]any{"Container": id, "EndpointConfig": endpointSettings(doc, d, name, f)}
		err := e.post(ctx, "/networks/"+f.networkIDs[to]+"/connect", nil, body, nil)
		if err != nil && !strings.Contains(err.Error(), "already exists in network") {
			return fmt.Errorf("connecting %s to %s: %w", now.Name, name, d.known(err, snapshot.ErrNotRestorable))
		}
	}
	return e.disconnect(ctx, now, d, f)
}

// disconnect handles containers that somebody took off the network that they were created with.
func (e *Engine) disconnect(ctx context.Context, now, d document, f facts) error {
	kept := map[string]bool{"host": true, "none": true}
	for name := range d.NetworkSettings.Networks {
		kept[f.networks[name]] = true
	}
	for name := range now.NetworkSettings.Networks {
		if kept[name] || f.networkIDs[name] == "" {
			continue
		}
		if err := e.cli.NetworkDisconnect(ctx, f.networkIDs[name], now.ID, true); err != nil && !notFound(err) {
			return fmt.Errorf("disconnecting %s from %s: %w", now.Name, name, d.known(err, nil))
		}
	}
	return nil
}
