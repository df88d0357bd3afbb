package docker

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"github.com/snapback/snapback/snapshot"
)

// Written says whether anything was written to the container's own layer since it was created. What the engine makes
// there itself, so that it can mount something, does not count.
func (e *Engine) Written(ctx context.Context, id string) (bool, error) {
	d, err := e.allowed(ctx, id)
	if err != nil {
		return false, err
	}
	changes, err := e.cli.ContainerDiff(ctx, id)
	if err != nil {
		return false, fmt.Errorf("asking what %s has written: %w", d.Name, d.known(err, snapshot.ErrGone))
	}
	made := mountPaths(changes, d)
	return slices.ContainsFunc(changes, func(c container.FilesystemChange) bool { return !made.explains(c) }), nil
}

// made are the files and folders that the engine added to mount something on.
type made map[string]bool

func mountPaths(changes []container.FilesystemChange, d document) made {
	points := slices.Collect(maps.Keys(d.HostConfig.Tmpfs))
	for _, m := range d.Mounts {
		points = append(points, m.Destination)
	}
	for _, m := range d.HostConfig.Mounts {
		points = append(points, m.Target)
	}
	if init := d.HostConfig.Init; init != nil && *init {
		points = append(points, "/sbin/docker-init")
	}
	out := made{}
	for _, c := range changes {
		if c.Kind == container.ChangeAdd && leadsTo(points, c.Path) {
			out[path.Clean(c.Path)] = true
		}
	}
	return out
}

func leadsTo(points []string, to string) bool {
	return slices.ContainsFunc(points, func(p string) bool { return under(path.Clean(p), path.Clean(to)) })
}

func under(p, folder string) bool {
	return p == folder || strings.HasPrefix(p, strings.TrimSuffix(folder, "/")+"/")
}

// explains says whether a change is such a path, or the folder around one, which changes when something is added.
func (m made) explains(c container.FilesystemChange) bool {
	at := path.Clean(c.Path)
	if c.Kind != container.ChangeModify {
		return m[at]
	}
	for p := range m {
		if under(p, at) {
			return true
		}
	}
	return false
}

// Tag puts our tag on an image that is there. It returns ErrGone when it is not.
func (e *Engine) Tag(ctx context.Context, imageID, ref string) error {
	if err := checkImageID(imageID); err != nil {
		return err
	}
	if err := checkRef(ref); err != nil {
		return err
	}
	if err := e.cli.ImageTag(ctx, imageID, ref); err != nil {
		return fmt.Errorf("tagging %s: %w", ref, known(err, snapshot.ErrGone))
	}
	return nil
}

// Commit makes an image of the container's own layer under our tag, and returns the image's ID and the layer's size.
// Only a running container can be paused; one that is paused already stays so.
func (e *Engine) Commit(ctx context.Context, id, ref string, pause bool) (string, int64, error) {
	if err := checkRef(ref); err != nil {
		return "", 0, err
	}
	d, err := e.expendable(ctx, id)
	if err != nil {
		return "", 0, err
	}
	pause = pause && d.State.Status == "running"
	if pause {
		defer e.makeSureItRuns(ctx, d)
	}
	var made container.CommitResponse
	err = frozen(ctx, func() (err error) {
		made, err = e.cli.ContainerCommit(ctx, id, container.CommitOptions{Reference: ref, Pause: pause})
		return err
	})
	if err != nil && noRoom(err) {
		return "", 0, fmt.Errorf("committing %s: %w: %w", d.Name, snapshot.ErrDiskFull, d.known(err, nil))
	}
	if err != nil {
		return "", 0, fmt.Errorf("committing %s: %w", d.Name, d.known(err, snapshot.ErrGone))
	}
	history, err := e.cli.ImageHistory(ctx, made.ID)
	if err != nil || len(history) == 0 {
		return "", 0, fmt.Errorf("reading the size of %s: %w", ref, known(err, snapshot.ErrGone))
	}
	return made.ID, history[0].Size, nil
}

// resumeWithin is how long the engine may take to resume what is paused, as what a commit has left frozen.
const resumeWithin = 30 * time.Second

// makeSureItRuns resumes a container that a commit was to freeze only for its own duration, and did not: for one, when
// the engine was restarted in between. It also works when ctx is over, which may be why.
func (e *Engine) makeSureItRuns(ctx context.Context, d document) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resumeWithin)
	defer cancel()
	err := e.Resume(ctx, d.ID)
	for errors.Is(err, snapshot.ErrEngineAway) && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(freezeAgain):
			err = e.Resume(ctx, d.ID)
		}
	}
	if err != nil {
		e.log.ErrorContext(ctx, "after a commit, could not make sure that the container runs", "container", d.Name, "err", err)
	}
}

// HasImage says whether the exact image is there.
func (e *Engine) HasImage(ctx context.Context, imageID string) (bool, error) {
	if err := checkImageID(imageID); err != nil {
		return false, err
	}
	id, err := e.imageOf(ctx, imageID)
	return id == imageID, err
}

// addImageFacts adds what a document does not say of its image: when it was built, the digests by which registries know it, of
// which every push may add one, and what it holds. An image that is gone has none.
func (e *Engine) addImageFacts(ctx context.Context, id string, add *additions) error {
	if !imageID.MatchString(id) {
		return nil
	}
	in, err := e.cli.ImageInspect(ctx, id)
	if notFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at image %s: %w", short(id), known(err, nil))
	}
	for _, ref := range in.RepoDigests {
		_, digest, _ := strings.Cut(ref, "@")
		add.Digests = append(add.Digests, digest)
	}
	slices.Sort(add.Digests)
	add.Built, add.Digests, add.Content = in.Created, slices.Compact(add.Digests), contentOf(in)
	return nil
}

// contentOf stands for all of an image that a container gets: its layers, by the digests of what they hold, its settings and
// its platform. When it was built, by what and under which name is left out. "" when the engine does not tell the layers.
func contentOf(in image.InspectResponse) string {
	if len(in.RootFS.Layers) == 0 {
		return ""
	}
	doc, err := json.Marshal([]any{in.RootFS.Layers, in.Config, in.Os, in.Architecture, in.Variant})
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(doc))
}

// Untag removes our tag, and the image with it if nothing else needs it. Missing is success. While it is the only name
// of an image that a container uses, the tag stays and the error wraps ErrInUse: without it the image would be a stray.
func (e *Engine) Untag(ctx context.Context, ref string) error {
	if err := checkRef(ref); err != nil {
		return err
	}
	_, err := e.cli.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	if err := e.removed(ref, err); err != nil {
		return err
	}
	return e.untagMounted(ctx, ref)
}

// ImageOf is the image of a document's container, as it was known when the document was written.
func (e *Engine) ImageOf(raw json.RawMessage) (snapshot.Image, error) {
	d, err := parse(raw)
	return snapshot.Image{ID: d.Image, Digests: d.Snapback.Digests, Content: d.Snapback.Content}, err
}

// FindImage looks an image up by its tag, its digest in a registry, or its ID. It returns ErrGone when the engine has none.
func (e *Engine) FindImage(ctx context.Context, ref string) (snapshot.Image, error) {
	if !askable(ref) {
		return snapshot.Image{}, fmt.Errorf("%w: %w", snapshot.ErrGone, errGrammar("image", ref))
	}
	in, err := e.cli.ImageInspect(ctx, ref)
	if err != nil {
		return snapshot.Image{}, fmt.Errorf("looking at image %s: %w", ref, known(err, snapshot.ErrGone))
	}
	found := snapshot.Image{ID: in.ID, Content: contentOf(in)}
	for _, one := range in.RepoDigests {
		_, digest, _ := strings.Cut(one, "@")
		found.Digests = append(found.Digests, digest)
	}
	return found, nil
}

// registryPatience is how long a registry may take. A pipeline waits for the answer.
const registryPatience = 5 * time.Second

// RegistryDigest asks the registry of a tag, through the engine, for the digest that it stands for now, with the login that "docker
// login" has left on this machine, if there is one. It is "" when the registry does not say, as one that wants another login.
func (e *Engine) RegistryDigest(ctx context.Context, ref string) string {
	if !askable(ref) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	in, err := e.cli.DistributionInspect(ctx, ref, loginFor(e.configFolder, ref))
	if err != nil {
		return ""
	}
	return in.Descriptor.Digest.String()
}

// RegistryHas asks the registry of an image with a digest, through the engine, whether it has that, with the login that RegistryDigest uses. Only
// that the registry itself knows no such image is a no. An error says that nobody knows, as of a registry that wants another login.
func (e *Engine) RegistryHas(ctx context.Context, ref string) (bool, error) {
	if !askable(ref) {
		return false, errGrammar("image", ref)
	}
	ctx, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	_, err := e.cli.DistributionInspect(ctx, ref, loginFor(e.configFolder, ref))
	if err == nil {
		return true, nil
	}
	if strings.Contains(err.Error(), "manifest unknown") || strings.Contains(err.Error(), "name unknown") { // the codes of the OCI distribution specification, in words
		return false, nil
	}
	return false, fmt.Errorf("asking the registry for %s: %w", ref, err)
}
