package enginetest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/snapback/snapback/snapshot/docker"
)

// clean removes all that bears the scope's token, and the anonymous volumes of its containers. Containers may depend on
// each other's networks and volumes, so those go after all of them.
func (s *Scope) clean() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cli := s.engine.Client()
	volumes := slices.Clone(s.volumes)
	rows, err := cli.ContainerList(ctx, container.ListOptions{All: true})
	s.note(err)
	for _, row := range rows {
		if !slices.ContainsFunc(row.Names, s.mine) {
			continue
		}
		for _, m := range row.Mounts {
			if m.Type == "volume" && (s.mine(m.Name) || len(m.Name) == 64) {
				volumes = append(volumes, m.Name)
			}
		}
		s.note(ignoreMissing(cli.ContainerRemove(ctx, row.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})))
	}
	s.cleanVolumes(ctx, volumes)
	s.cleanNetworks(ctx)
	s.cleanImages(ctx)
}

func (s *Scope) mine(name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(name, "/"), s.token)
}

func (s *Scope) note(err error) {
	if err != nil {
		s.t.Errorf("cleaning up: %v", err)
	}
}

func ignoreMissing(err error) error {
	if err != nil && (strings.Contains(err.Error(), "No such") || strings.Contains(err.Error(), "no such") || strings.Contains(err.Error(), "already in progress")) {
		return nil
	}
	return err
}

func (s *Scope) cleanVolumes(ctx context.Context, used []string) {
	cli := s.engine.Client()
	all, err := cli.VolumeList(ctx, volume.ListOptions{Filters: filters.NewArgs(filters.Arg("name", s.token))})
	s.note(err)
	for _, v := range all.Volumes {
		used = append(used, v.Name)
	}
	slices.Sort(used)
	for _, name := range slices.Compact(used) {
		s.note(ignoreMissing(cli.VolumeRemove(ctx, name, true)))
	}
}

func (s *Scope) cleanNetworks(ctx context.Context) {
	cli := s.engine.Client()
	all, err := cli.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", s.token))})
	s.note(err)
	for _, n := range all {
		s.note(ignoreMissing(cli.NetworkRemove(ctx, n.ID)))
	}
}

// cleanImages takes what is named after the test, snapshots' tags among it (snapback/<token>-api:…), what was committed of
// its containers, which has their label, and what was imported and lost its name.
func (s *Scope) cleanImages(ctx context.Context) {
	all, err := docker.Images(ctx, s.engine.Client(), filters.NewArgs())
	s.note(err)
	for _, i := range all {
		names := slices.DeleteFunc(slices.Concat(i.RepoTags, i.RepoDigests), func(name string) bool { return !strings.Contains(name, s.token) })
		if key, value, _ := strings.Cut(s.Only(), "="); i.Labels[key] == value {
			names = append(names, i.ID)
		}
		for _, name := range names {
			s.removeImage(ctx, name)
		}
	}
	for _, id := range s.images {
		s.removeImage(ctx, id)
	}
}

func (s *Scope) removeImage(ctx context.Context, name string) {
	_, err := s.engine.Client().ImageRemove(ctx, name, image.RemoveOptions{Force: true, PruneChildren: true})
	s.note(ignoreMissing(err))
}

// Decode reads JSON into a T, and fails the test when it can't.
func Decode[T any](s *Scope, raw []byte) T {
	s.t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		s.t.Fatalf("reading JSON: %v", err)
	}
	return v
}
