package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"github.com/snapback/snapback/snapshot"
)

// A mount of type image (Docker 28 and later) names an image, and a container holds what that name meant when it was created.
// The engine does not tell which image that was, so it is looked up when the container is first seen, and goes into the document.

// imageMounts are the names of mounted images, by where they are mounted.
func (d document) imageMounts() map[string]string {
	out := map[string]string{}
	for _, m := range d.HostConfig.Mounts {
		if m.Type == "image" {
			out[path.Clean(m.Target)] = m.Source
		}
	}
	return out
}

// mountedImages are the IDs of the images that a container has mounted, by where. One of which that can't be told is not in it.
func (e *Engine) mountedImages(ctx context.Context, d document) (map[string]string, error) {
	named := d.imageMounts()
	if len(named) == 0 {
		return nil, nil
	}
	e.mu.Lock()
	seen, ok := e.mounted[d.ID]
	e.mu.Unlock()
	if ok {
		return seen, nil
	}
	found := map[string]string{}
	for at, name := range named {
		id, err := e.meantAtCreate(ctx, d, name)
		if err != nil {
			return nil, err
		}
		if id != "" {
			found[at] = id
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mounted[d.ID] = found
	return found, nil
}

// forgetMounted forgets what containers had mounted that are gone.
func (e *Engine) forgetMounted(rows []container.Summary) {
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.DeleteFunc(e.mounted, func(id string, _ map[string]string) bool {
		return !slices.ContainsFunc(rows, func(r container.Summary) bool { return r.ID == id })
	})
}

// meantAtCreate is the image that a name means, unless the name was given to it after the container was created. A snapshot
// gives it another name as well, but only to one that was found out.
func (e *Engine) meantAtCreate(ctx context.Context, d document, name string) (string, error) {
	in, ok, err := e.lookUpImage(ctx, name)
	if err != nil || !ok {
		return "", err
	}
	known := slices.ContainsFunc(in.RepoTags, mountRef.MatchString)
	if imageID.MatchString(name) || known || !in.Metadata.LastTagTime.After(instant(d.Created)) {
		return in.ID, nil
	}
	return "", nil
}

// lookUpImage asks for an image by a name that comes from a document.
func (e *Engine) lookUpImage(ctx context.Context, name string) (in image.InspectResponse, ok bool, err error) {
	if !askable(name) {
		return in, false, nil
	}
	in, err = e.cli.ImageInspect(ctx, name)
	if notFound(err) {
		return in, false, nil
	}
	if err != nil {
		return in, false, fmt.Errorf("looking up image %s: %w", name, known(err, nil))
	}
	return in, true, nil
}

// mountRef is our tag on a mounted image: the snapshot's own, and a letter that no snapshot's name has.
var mountRef = regexp.MustCompile(`^snapback/[^:]+:[^:]+\.M[0-9]+$`)

func nthMountRef(ref string, n int) string { return ref + ".M" + strconv.Itoa(n) }

// TagMounted puts tags that go with ref on the images that a document's container has mounted. One that is gone is no reason
// to have no snapshot: the preflight of a restore says so.
func (e *Engine) TagMounted(ctx context.Context, doc json.RawMessage, ref string) error {
	d, err := parse(doc)
	if err != nil {
		return err
	}
	for n, id := range d.mountedIDs() {
		if err := e.Tag(ctx, id, nthMountRef(ref, n)); err != nil && !errors.Is(err, snapshot.ErrGone) {
			return err
		}
	}
	return nil
}

// mountedIDs lists the images that the document's container has mounted, in an order that stays.
func (d document) mountedIDs() []string {
	var ids []string
	for _, id := range d.Snapback.MountedImages {
		if imageID.MatchString(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// untagMounted takes away what KeepMounted put there.
func (e *Engine) untagMounted(ctx context.Context, ref string) error {
	if !e.lately(imageMounting) {
		return nil
	}
	for n := 0; ; n++ {
		_, err := e.cli.ImageRemove(ctx, nthMountRef(ref, n), image.RemoveOptions{PruneChildren: true})
		if err != nil {
			return e.removed(nthMountRef(ref, n), err)
		}
	}
}

// presentMounts says which images the names of mounted images mean now.
func (e *Engine) presentMounts(ctx context.Context, d document, into map[string]string) error {
	for _, name := range d.imageMounts() {
		in, _, err := e.lookUpImage(ctx, name)
		if err != nil {
			return err
		}
		into[name] = in.ID
	}
	return nil
}

// imageMounts: a name that means another image by now is replaced by the image's ID.
func imageMounts(hc object, d document, f facts) {
	specs := hc.list("Mounts")
	for _, s := range specs {
		id := d.Snapback.MountedImages[path.Clean(s.text("Target"))]
		if s.text("Type") == "image" && id != "" && f.mounted[s.text("Source")] != id {
			s.set("Source", id)
		}
	}
	if len(d.imageMounts()) > 0 {
		hc.set("Mounts", specs)
	}
}

// mountedProblems says which mounted images are gone.
func (s *survey) mountedProblems(d document) []string {
	var out []string
	for at, name := range d.imageMounts() {
		id := d.Snapback.MountedImages[at]
		switch {
		case id != "" && !s.images[id]:
			out = append(out, fmt.Sprintf("the image mounted at %s is gone: somebody removed or pruned it", said(at)))
		case id == "" && !s.images[name]:
			out = append(out, fmt.Sprintf("image %s, mounted at %s, is gone", said(name), said(at)))
		}
	}
	slices.Sort(out)
	return out
}

// mountedLosses tells of images of which nobody saw which they were.
func mountedLosses(d document) []string {
	var out []string
	for at, name := range d.imageMounts() {
		if d.Snapback.MountedImages[at] == "" {
			out = append(out, fmt.Sprintf("%s holds what image %s is now", said(at), said(name)))
		}
	}
	return out
}

// wantedMounts are the images that have to be there for the mounts: by ID, or by name when nobody saw which it was.
func (d document) wantedMounts() []string {
	var out []string
	for at, name := range d.imageMounts() {
		if id := d.Snapback.MountedImages[at]; id != "" {
			name = id
		}
		out = append(out, name)
	}
	return out
}
