package docker

import (
	"context"
	"os"

	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
)

// The client speaks the API up to the version that it was made for. An attribute that came later is shown, and taken, from its own
// version on only. So what reads a document and what replays it goes at the engine's newest version, as the JSON that it is.

// version is the engine's newest version of the API; DOCKER_API_VERSION, if that is set.
func (e *Engine) version(ctx context.Context) (string, error) {
	e.mu.Lock()
	newest := e.newest
	e.mu.Unlock()
	if newest != "" {
		return newest, nil
	}
	if err := e.Ping(ctx); err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.newest, nil
}

// learnVersion keeps what a ping told: an engine may have been upgraded since the last one.
func (e *Engine) learnVersion(told string) {
	used := e.cli.ClientVersion()
	if os.Getenv(client.EnvOverrideAPIVersion) != "" || versions.LessThan(told, used) {
		told = used
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.newest = told
}

// endpointMACs is the first version in which MAC addresses belong to networks, and a create takes all of those.
const endpointMACs = "1.44"

// imageMounting is the first version that can mount an image.
const imageMounting = "1.48"

// hiddenMAC is the first version that no longer tells which MAC address was asked for, and which was drawn.
const hiddenMAC = "1.52"

// lately says whether the engine spoke such a version when it was last asked.
func (e *Engine) lately(version string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.newest != "" && versions.GreaterThanOrEqualTo(e.newest, version)
}
