package docker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// document is the part of an inspect document that has to be understood. What is only carried along stays raw.
type document struct {
	ID      string `json:"Id"`
	Name    string
	Image   string
	Created string
	State   struct {
		Status     string
		Paused     bool
		ExitCode   int
		StartedAt  string
		FinishedAt string
		Health     *struct{ Status string }
	}
	RestartCount    int
	Config          config
	HostConfig      hostConfig
	Mounts          []mountPoint
	NetworkSettings struct {
		Ports    map[string][]portBinding
		Networks map[string]endpoint
	}
	ImageManifestDescriptor *struct {
		Platform *struct {
			Architecture string `json:"architecture"`
			OS           string `json:"os"`
			Variant      string `json:"variant"`
		} `json:"platform"`
	}
	Snapback additions

	only string // as Config has it, where the document is of a container that is there
}

// additions is what Inspect adds to a document under the key "Snapback": what can't be found out any more once the
// containers that it speaks of have been replaced.
type additions struct {
	NetworkContainer string   `json:",omitempty"` // the name of the container whose network it shares; the document has an ID
	PidContainer     string   `json:",omitempty"`
	IpcContainer     string   `json:",omitempty"`
	AnonymousVolumes []string `json:",omitempty"` // where they are mounted
	MacAddress       string   `json:",omitempty"` // the one that was asked for on the first network, if the document has no place for it
	// MountedImages are the IDs of the images that it has mounted, by where; the document has names.
	MountedImages map[string]string `json:",omitempty"`

	Built   string   `json:",omitempty"` // when the image was; "" when it is gone
	Digests []string `json:",omitempty"` // by which registries know the image, without their names
	Content string   `json:",omitempty"` // stands for the image's layers and settings: one that is built anew from the same has the same
}

type config struct {
	Image       string
	Hostname    string
	MacAddress  string
	Env         []string
	Labels      map[string]string
	StopTimeout *int
	Healthcheck *healthCheck
	Tty         bool
	Volumes     map[string]struct{}
}

// healthCheck is a check as the engine has it, which takes 0 for its own defaults.
type healthCheck struct {
	Test        []string
	Interval    time.Duration
	Timeout     time.Duration
	StartPeriod time.Duration
	Retries     int
}

// verdictWithin is when the engine has called the container healthy or unhealthy at the latest: failures count from the end of
// the start period on, and a check may be under way just then.
func (h healthCheck) verdictWithin() time.Duration {
	each := cmp.Or(h.Interval, 30*time.Second) + cmp.Or(h.Timeout, 30*time.Second)
	return h.StartPeriod + time.Duration(cmp.Or(h.Retries, 3)+1)*each
}

type hostConfig struct {
	Binds           []string
	NetworkMode     string
	PidMode         string
	IpcMode         string
	UTSMode         string
	PortBindings    map[string][]portBinding
	RestartPolicy   snapshot.RestartPolicy
	AutoRemove      bool
	VolumesFrom     []string
	Links           []string
	PublishAllPorts bool
	Tmpfs           map[string]string
	Mounts          []mountSpec
	Init            *bool
	Devices         []struct{ PathOnHost string }
	LogConfig       struct{ Type string }

	BlkioWeightDevice, BlkioDeviceReadBps, BlkioDeviceWriteBps, BlkioDeviceReadIOps, BlkioDeviceWriteIOps []limitedDevice
}

type limitedDevice struct{ Path string }

type portBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

type mountPoint struct {
	Type        string
	Name        string
	Source      string
	Destination string
	RW          bool
}

type mountSpec struct {
	Type   string
	Source string
	Target string
}

type endpoint struct {
	IPAMConfig *struct {
		IPv4Address string
		IPv6Address string
	}
	Aliases           []string
	NetworkID         string
	IPAddress         string
	GlobalIPv6Address string
	MacAddress        string
}

func parse(raw json.RawMessage) (document, error) {
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		return document{}, fmt.Errorf("reading an inspect document: %w", err)
	}
	d.Name = strings.TrimPrefix(d.Name, "/")
	return d, nil
}

// shortID is what the engine derives host names and aliases from.
func (d document) shortID() string { return d.ID[:min(len(d.ID), 12)] }

func (d document) container(engineID string) snapshot.Container {
	settings := snapshot.ParseSettings(d.labels())
	key := Key(engineID, d.Name, d.Config.Labels)
	c := snapshot.Container{
		Key: key, Own: key, Config: d.Config.Labels[composeHash], ID: d.ID, Name: d.Name, Engine: engineID, Project: d.Config.Labels[composeProject],
		Service: service(settings, d.Config.Labels, d.Name),
		Image:   d.Config.Image, ImageID: d.Image, State: d.State.Status,
		CreatedAt: instant(d.Created), StartedAt: instant(d.State.StartedAt), Settings: settings,
	}
	if d.State.Health != nil && d.State.Health.Status != "none" {
		c.Health = d.State.Health.Status
	}
	return c
}

// member is the container as it is known before it is clear whose place it has.
func (d document) member(engineID string) snapshot.Member {
	key := Key(engineID, d.Name, d.Config.Labels)
	return snapshot.Member{
		ID: d.ID, Name: d.Name, State: d.State.Status, CreatedAt: instant(d.Created),
		Key: key, Lineage: lineage(key), Config: d.Config.Labels[composeHash],
	}
}

// labels are the container's, without the one by which this bot's containers are told from others': its name is the
// operator's choice.
func (d document) labels() map[string]string {
	key, _, _ := strings.Cut(d.only, "=")
	if _, has := d.Config.Labels[key]; !has {
		return d.Config.Labels
	}
	others := maps.Clone(d.Config.Labels)
	delete(others, key)
	return others
}

func service(s snapshot.Settings, labels map[string]string, name string) string {
	return cmp.Or(s.Service, lineName(name, labels), labels[composeService], name)
}

// instant reads the engine's times; year 1 is how it says "never", and so does Go.
func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC()
}

func (d document) inspection(engineID string, raw json.RawMessage) snapshot.Inspection {
	in := snapshot.Inspection{
		Container: d.container(engineID), Enabled: true, Document: raw,
		ExitCode: d.State.ExitCode, Restarts: d.RestartCount, RestartPolicy: d.HostConfig.RestartPolicy,
		StopTimeout: -1, AutoRemove: d.HostConfig.AutoRemove, HasCheck: d.hasCheck(),
		Labels: d.Config.Labels, Place: d.place(Key(engineID, d.Name, d.Config.Labels)), FinishedAt: instant(d.State.FinishedAt),
	}
	if in.HasCheck {
		in.CheckFor = d.Config.Healthcheck.verdictWithin()
	}
	if d.Config.StopTimeout != nil {
		in.StopTimeout = *d.Config.StopTimeout
	}
	return in
}

func (d document) hasCheck() bool {
	check := d.Config.Healthcheck
	return check != nil && len(check.Test) > 0 && !slices.Equal(check.Test, []string{"NONE"})
}

// joins is the container that a mode such as container:<id> names.
func joins(mode string) (idOrName string, ok bool) { return strings.CutPrefix(mode, "container:") }
