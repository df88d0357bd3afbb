package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/snapback/snapback/snapshot/swarm"
	"github.com/snapback/snapback/terminal"
)

// Tasks implements terminal.Tasks, of what Resolve has found. Of several of one name, as a new task has the name of the one that it replaces, it
// is the newest.
func (t *terminals) Tasks(ctx context.Context, of terminal.Target) ([]terminal.Task, error) {
	p := t.of(of.ID)
	if p == nil {
		return nil, nil
	}
	logged, err := p.Logged(ctx, of.ID)
	if err != nil {
		return nil, ofService(err)
	}
	placed, err := p.PlacedTasks(ctx, logged.Service)
	if err != nil {
		return nil, err
	}
	return newestOfEach(placed), nil
}

// newestOfEach takes tasks, the newest first.
func newestOfEach(placed []swarm.Placed) (list []terminal.Task) {
	seen := map[string]bool{}
	for _, task := range placed {
		if !seen[task.Name] {
			seen[task.Name] = true
			list = append(list, terminal.Task{Name: task.Name, On: task.Host, State: task.State})
		}
	}
	slices.SortFunc(list, func(a, b terminal.Task) int { // shop.10 comes after shop.9
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return list
}
