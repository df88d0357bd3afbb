package swarm

import (
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// service is what the manager says of a service, as far as this package reads it.
type service struct {
	ID           string
	Version      struct{ Index uint64 }
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Spec         json.RawMessage
	PreviousSpec json.RawMessage
	Endpoint     endpoint
	UpdateStatus struct {
		State     string // updating, paused, completed, rollback_started, rollback_paused, rollback_completed; ""
		StartedAt time.Time
		Message   string
	}
}

// spec is what this package reads of a service's spec. What is sent back is always the spec as it was read.
type spec struct {
	Name         string
	Labels       map[string]string
	TaskTemplate struct {
		ContainerSpec *struct {
			Image           string
			Labels          map[string]string
			Env             []string
			TTY             bool
			StopGracePeriod int64        // nanoseconds, as all of these
			Healthcheck     *healthcheck // nil: the image's, if it has one
			Mounts          []mounted
			Secrets         []reference
			Configs         []reference
		}
		Networks  []attachment
		Placement struct {
			Constraints []string
			Preferences []struct {
				Spread struct{ SpreadDescriptor string }
			}
			MaxReplicas uint64
		}
		ForceUpdate uint64 // how often its tasks were started anew
	}
	Networks []attachment // where old clients put them
	Mode     struct {
		Replicated *struct{ Replicas *uint64 }
		Global     *struct{}
	}
	UpdateConfig struct{ Delay, Monitor int64 }
}

type reference struct {
	SecretID, SecretName string
	ConfigID, ConfigName string
}

type healthcheck struct{ Interval, Timeout, StartPeriod, Retries int64 }

// patience is how long a step of an update may take by the spec: until a task has stopped, the next one is healthy, and the manager
// has watched it and waited.
func (s spec) patience() time.Duration {
	n := s.TaskTemplate.ContainerSpec.StopGracePeriod + s.UpdateConfig.Delay + s.UpdateConfig.Monitor
	if check := s.TaskTemplate.ContainerSpec.Healthcheck; check != nil {
		n += check.StartPeriod + (check.Interval+check.Timeout)*max(1, check.Retries)
	}
	return time.Duration(n)
}

type attachment struct{ Target string }

func parseSpec(raw json.RawMessage) (s spec, err error) {
	err = json.Unmarshal(raw, &s)
	return s, err
}

// stands says that the service runs for good, in containers: jobs and plugins have nothing to go back to.
func (s spec) stands() bool {
	return s.TaskTemplate.ContainerSpec != nil && (s.Mode.Replicated != nil || s.Mode.Global != nil)
}

// labels are the service's own. Where those don't speak of the bot, its containers' count.
func (s spec) labels() map[string]string {
	for key := range s.Labels {
		if strings.HasPrefix(key, "snapback.") {
			return s.Labels
		}
	}
	if s.TaskTemplate.ContainerSpec == nil {
		return s.Labels
	}
	return s.TaskTemplate.ContainerSpec.Labels
}

// ours are the labels without the one by which this bot's services are told from others': its name is the operator's choice.
func (s spec) ours(only string) map[string]string {
	key, _, _ := strings.Cut(only, "=")
	labels := map[string]string{}
	maps.Copy(labels, s.labels())
	delete(labels, key)
	return labels
}

// settings are what the labels say.
func (s spec) settings(only string) snapshot.Settings { return snapshot.ParseSettings(s.ours(only)) }

// enabled says whether the bot may touch the service, and whether it is within what this one is narrowed down to.
func (s spec) enabled(only string) (enabled, within bool) {
	labels := s.labels()
	key, value, hasValue := strings.Cut(only, "=")
	got, has := labels[key]
	return labels["snapback.enable"] == "true", only == "" || has && (!hasValue || got == value)
}

// image is as the deploy named it, and the exact one that it meant then.
func (s spec) image() (name, digest string) {
	name, digest, _ = strings.Cut(s.TaskTemplate.ContainerSpec.Image, "@")
	return name, digest
}

// imageID is what tells images apart: the digest, or the name where no registry was asked for one.
func (s spec) imageID() string {
	name, digest := s.image()
	if digest != "" {
		return digest
	}
	return name
}

// replicas are how many tasks are wanted; false for one on each node.
func (s spec) replicas() (uint64, bool) {
	if s.Mode.Replicated == nil {
		return 0, false
	}
	if s.Mode.Replicated.Replicas == nil {
		return 1, true
	}
	return *s.Mode.Replicated.Replicas, true
}

func (s spec) networks() []attachment {
	if len(s.TaskTemplate.Networks) > 0 {
		return s.TaskTemplate.Networks
	}
	return s.Networks
}

// Document is what is kept of a service. The spec is as the manager gave it.
type document struct {
	Service  string                // its ID
	Spec     json.RawMessage       //
	Networks map[string]string     // names by ID, for people: a spec has IDs only
	Tasks    []snapshot.PlacedTask `json:",omitempty"` // those that ran when the service was last seen to be this; none: nobody has seen it
}

func parseDocument(raw json.RawMessage) (d document, s spec, err error) {
	if err = json.Unmarshal(raw, &d); err != nil {
		return d, s, err
	}
	s, err = parseSpec(d.Spec)
	return d, s, err
}

// ImageOf is the image of a document's service, as it was known then.
func (c *Cluster) ImageOf(raw json.RawMessage) (snapshot.Image, error) {
	_, s, err := parseDocument(raw)
	if err != nil || s.TaskTemplate.ContainerSpec == nil {
		return snapshot.Image{}, err
	}
	image := snapshot.Image{ID: s.imageID()}
	if _, digest := s.image(); digest != "" {
		image.Digests = []string{digest}
	}
	return image, nil
}
