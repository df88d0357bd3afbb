package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/snapshot"
)

// survey is what Check found out before it judges anything. It is filled by calls that run side by side.
type survey struct {
	image    bool
	name     string              // of the image, as the replacement would be made from it
	images   map[string]bool     // mounted ones, by what they are looked for: whether they are there
	rows     []container.Summary // all containers, of which only what the list says and the state are read
	states   map[string]string   // by ID: of those rows that the document has to do with
	old      document            // the container to be replaced; zero when there is none
	oldGone  bool
	networks map[string]network.Summary // by the document's name; without a name when gone
	volumes  map[string]bool            // by name: whether it is there
	leads    []hostPath                 // folders of the host that those are in truth
	gone     []string                   // what is missing on the host, in words
}

// Check is the preflight: can spec be created and started under name, now?
func (e *Engine) Check(ctx context.Context, name string, spec snapshot.Spec) (snapshot.Finding, error) {
	d, err := e.readSpec(name, &spec)
	if err != nil {
		return snapshot.Finding{}, err
	}
	s, err := e.survey(ctx, d, spec)
	if err != nil {
		return snapshot.Finding{}, err
	}
	joined, err := e.joined(ctx, s.rows, spec.Replaces)
	if err != nil {
		return snapshot.Finding{}, err
	}
	problems := append(s.problems(name, spec, d), e.deniedWords(ctx)...)
	for _, c := range joined {
		if c.Carries != "" {
			problems = append(problems, fmt.Sprintf("container %s shares its namespaces, and would be cut off: %s", c.Name, c.Carries))
		}
	}
	return snapshot.Finding{Problems: problems, Losses: append(s.losses(d), s.nameLoss(spec, d)...), Joined: joined}, nil
}

func (e *Engine) survey(ctx context.Context, d document, spec snapshot.Spec) (*survey, error) {
	s := &survey{images: map[string]bool{}, networks: map[string]network.Summary{}, volumes: map[string]bool{}}
	var mu sync.Mutex // guards the volumes and where they lead
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	group.Go(func() (err error) { s.image, err = e.HasImage(gctx, spec.ImageID); return err })
	group.Go(func() (err error) { s.name, err = e.imageName(gctx, d, spec); return err })
	group.Go(func() (err error) { s.rows, err = e.rows(gctx, filters.NewArgs()); return err })
	group.Go(func() error {
		for _, name := range d.wantedMounts() {
			_, there, err := e.lookUpImage(gctx, name)
			if err != nil {
				return err
			}
			s.images[name] = there
		}
		return nil
	})
	group.Go(func() error { return e.old(gctx, spec.Replaces, s) })
	group.Go(func() (err error) { s.gone, err = e.missing(gctx, d.hostPaths()); return err })
	group.Go(func() error {
		all, err := e.networks(gctx)
		for name, n := range d.NetworkSettings.Networks {
			if !plain(name) {
				s.networks[name] = all.find(name, n.NetworkID)
			}
		}
		return err
	})
	for _, name := range d.volumes() {
		group.Go(func() error {
			v, err := e.volume(gctx, name)
			mu.Lock()
			defer mu.Unlock()
			s.volumes[name] = v.Name != ""
			if to, ok := bound(v); ok {
				s.leads = append(s.leads, to)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	gone, err := e.missing(ctx, s.leads)
	if err != nil {
		return nil, err
	}
	slices.Sort(gone)
	s.gone = append(s.gone, gone...)
	s.states, err = e.states(ctx, idsOf(s.concerned(d)))
	return s, err
}

// concerned are the containers that may have one of the document's ports, and those that have to run for it.
func (s *survey) concerned(d document) []container.Summary {
	var out []container.Summary
	ports, neighbours := hostPorts(d.ports()), d.neighbours()
	for _, row := range s.rows {
		if slices.ContainsFunc(ports, func(p hostPort) bool { return takes(row, p) }) || slices.Contains(neighbours, row.ID) || slices.Contains(neighbours, nameOf(row)) {
			out = append(out, row)
		}
	}
	return out
}

// neighbours are the containers whose namespaces the document's container shares, or to which it is linked, by name or ID.
func (d document) neighbours() []string {
	var out []string
	for _, t := range d.targets() {
		out = append(out, t.name)
	}
	for _, link := range d.HostConfig.Links {
		out = append(out, linked(link))
	}
	return out
}

// linked is the container that a link leads to.
func linked(link string) string {
	child, _, _ := strings.Cut(plainLink(link), ":")
	return child
}

func (e *Engine) old(ctx context.Context, id string, s *survey) (err error) {
	if id == "" {
		return nil
	}
	s.old, err = e.allowed(ctx, id)
	if errors.Is(err, snapshot.ErrGone) {
		s.oldGone = true
		return nil
	}
	return err
}

// volumes lists all volumes that the document mounts, once each.
func (d document) volumes() []string {
	var out []string
	for _, m := range d.Mounts {
		if m.Type == "volume" {
			out = append(out, m.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// problems are all reasons why the restore can't be, as sentences without a capital or a full stop.
func (s *survey) problems(name string, spec snapshot.Spec, d document) []string {
	var out []string
	if !s.image {
		out = append(out, "its image is gone: somebody removed or pruned it")
	}
	out = append(out, s.mountedProblems(d)...)
	out = append(out, s.stateProblems(d)...)
	out = append(out, s.nameProblems(name, spec.Replaces)...)
	out = append(out, s.networkProblems(d)...)
	out = append(out, s.volumeProblems(d)...)
	out = append(out, s.gone...)
	out = append(out, s.portProblems(spec.Replaces, d)...)
	return append(out, s.neighbourProblems(d)...)
}

func (s *survey) stateProblems(d document) []string {
	var out []string
	for _, labels := range []map[string]string{s.old.Config.Labels, d.Config.Labels} {
		if labels["com.docker.swarm.task.id"] != "" {
			out = append(out, taskProblem(labels["com.docker.swarm.service.name"]))
			break
		}
	}
	if s.oldGone {
		out = append(out, "the container that was to be replaced is gone")
	}
	switch s.old.State.Status {
	case "removing":
		out = append(out, "the container that runs now is being removed")
	case "dead":
		out = append(out, "the container is dead, which means that the engine could not remove it: somebody has to look at the host")
	}
	return out
}

// taskProblem leads to the service.
func taskProblem(service string) string {
	return fmt.Sprintf("it is a task of the Swarm's service %s, which would replace it again: restore the service (labelled snapback.enable=true itself, on a manager that the bot reaches), or docker service rollback %s", service, service)
}

func (s *survey) nameProblems(name, replaces string) []string {
	row, ok := find(s.rows, name)
	if !ok || row.ID == replaces {
		return nil
	}
	return []string{fmt.Sprintf("the name %s belongs to another container now", name)}
}

// find looks a container up by exact name or full ID.
func find(rows []container.Summary, nameOrID string) (container.Summary, bool) {
	at := slices.IndexFunc(rows, func(r container.Summary) bool { return r.ID == nameOrID || nameOf(r) == nameOrID })
	if at < 0 {
		return container.Summary{}, false
	}
	return rows[at], true
}

func (s *survey) networkProblems(d document) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.networks)) {
		now := s.networks[name]
		if now.Name == "" {
			out = append(out, fmt.Sprintf("network %s is gone", said(name)))
			continue
		}
		for _, ip := range d.NetworkSettings.Networks[name].fixedIPs() {
			if !holds(now, ip) {
				out = append(out, fmt.Sprintf("network %s was made anew and has no address %s", said(name), ip))
			}
		}
	}
	return out
}

// fixedIPs are the addresses that were asked for, not those that were given.
func (n endpoint) fixedIPs() []string {
	if n.IPAMConfig == nil {
		return nil
	}
	return slices.DeleteFunc([]string{n.IPAMConfig.IPv4Address, n.IPAMConfig.IPv6Address}, func(ip string) bool { return ip == "" })
}

func holds(n network.Summary, ip string) bool {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(n.IPAM.Config, func(c network.IPAMConfig) bool {
		subnet, err := netip.ParsePrefix(c.Subnet)
		return err == nil && subnet.Contains(addr)
	})
}

func (s *survey) volumeProblems(d document) []string {
	var out []string
	for _, name := range d.named() {
		if !s.volumes[name] {
			out = append(out, goneVolume(name))
		}
	}
	return out
}

// portProblems only knows of other containers: whatever else listens on the host shows when the container starts.
func (s *survey) portProblems(replaces string, d document) []string {
	var out []string
	for _, wanted := range hostPorts(d.ports()) {
		for _, row := range s.rows {
			if row.ID != replaces && takes(row, wanted) && snapshot.Alive(s.states[row.ID]) { // a paused one keeps its ports
				out = append(out, fmt.Sprintf("port %d/%s is taken by container %s", wanted.port, wanted.protocol, nameOf(row)))
				break
			}
		}
	}
	return out
}

func takes(row container.Summary, wanted hostPort) bool {
	return slices.ContainsFunc(row.Ports, func(p container.Port) bool {
		return p.PublicPort != 0 && wanted.clashes(hostPort{p.Type, p.IP, int(p.PublicPort)})
	})
}

// neighbourProblems: a container can neither share a namespace with one that does not run, nor be linked to it.
func (s *survey) neighbourProblems(d document) []string {
	var out []string
	for _, t := range d.targets() {
		if row, ok := find(s.rows, t.name); !ok || !s.joinable(row) {
			out = append(out, fmt.Sprintf("it shares the %s namespace of container %s, which does not run", t.what, t.name))
		}
	}
	for _, link := range d.HostConfig.Links {
		if row, ok := find(s.rows, linked(link)); !ok || !s.joinable(row) {
			out = append(out, fmt.Sprintf("it is linked to container %s, which does not run", linked(link)))
		}
	}
	return out
}

// joinable is what the engine takes for running: a paused container is, and one that waits for its next start is not.
func (s *survey) joinable(row container.Summary) bool {
	state := s.states[row.ID]
	return state == "running" || state == "paused"
}

// losses are what will not be as it was, as sentences of the same kind, what is lost for good first.
func (s *survey) losses(d document) []string {
	var out, kept []string
	for _, m := range d.Mounts {
		switch {
		case m.Type == "volume" && !s.volumes[m.Name]:
			out = append(out, m.Destination+" comes back empty, since its volume is gone")
		case m.Type == "volume" || m.Type == "bind":
			kept = append(kept, m.Destination+" keeps what is in it now")
		}
	}
	out = append(out, mountedLosses(d)...)
	for _, at := range d.tmpfs() {
		out = append(out, at+" is in memory and starts empty")
	}
	if s.old.HostConfig.AutoRemove {
		out = append(out, "the container that runs now removes itself when it stops (--rm)")
	}
	slices.Sort(out)
	slices.Sort(kept)
	return append(out, kept...)
}

// nameLoss tells of an image that is not called any more what the deploy has called it. A committed image was never called so,
// and a container that is put back as it is keeps what it has.
func (s *survey) nameLoss(spec snapshot.Spec, d document) []string {
	if spec.ImageRef == "" || spec.ImageID != d.Image || s.name == d.Config.Image || checkRef(d.Config.Image) == nil {
		return nil
	}
	return []string{fmt.Sprintf("the name %s of its image, which leads to another image or to none by now: an updater can't pull %s", said(d.Config.Image), s.name)}
}

func (d document) tmpfs() []string {
	out := slices.Collect(maps.Keys(d.HostConfig.Tmpfs))
	for _, m := range d.HostConfig.Mounts {
		if m.Type == "tmpfs" {
			out = append(out, m.Target)
		}
	}
	return out
}
