package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/internal/outside"
)

const (
	completionPatience = 2 * time.Second // a shell waits no longer for what could be typed as well
	completionsAtMost  = 50
)

// names asks a running bot what an argument may be, each with a word about it. before are the arguments that stand already.
type names func(ctx context.Context, c *client.Client, before []string) ([]string, error)

// completeArguments lets shells complete the arguments of all commands, by what their usage calls each. None of them is a file.
func completeArguments(cmd *cobra.Command, e env) {
	words := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(cmd.Use))[1:]
	cmd.ValidArgsFunction = func(cmd *cobra.Command, before []string, begun string) ([]string, cobra.ShellCompDirective) {
		return e.complete(cmd.Context(), namesFor(words, len(before)), before, begun), cobra.ShellCompDirectiveNoFileComp
	}
	for _, sub := range cmd.Commands() {
		completeArguments(sub, e)
	}
}

// namesFor is nil for an argument that nobody can guess.
func namesFor(words []string, at int) names {
	switch {
	case at >= len(words):
		return nil
	case words[at] == "CONTAINER":
		return containerNames
	case words[at] == "INCIDENT":
		return incidentIDs
	case words[at] == "NAME" && words[0] == "CONTAINER":
		return snapshotNames
	}
	return nil
}

// complete has nothing to offer where the bot can't be asked: a shell has no place for the reason.
func (e env) complete(ctx context.Context, which names, before []string, begun string) []string {
	c, err := remote(e)
	if which == nil || err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	list, err := which(ctx, c, before)
	if err != nil {
		return nil
	}
	list = slices.DeleteFunc(list, func(one string) bool { return !strings.HasPrefix(one, begun) })
	return list[:min(len(list), completionsAtMost)]
}

// completeFlag lets shells complete a flag's value by those that there are, and no files. The flag exists.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		fitting := slices.DeleteFunc(slices.Clone(values), func(one string) bool { return !strings.HasPrefix(one, begun) })
		return fitting, cobra.ShellCompDirectiveNoFileComp
	})
}

// described is a completion and a word about it, as cobra takes the two.
func described(name, about string) string { return outside.Line(name) + "\t" + outside.Line(about) }

func containerNames(ctx context.Context, c *client.Client, _ []string) (list []string, err error) {
	all, err := c.Containers(ctx)
	for _, one := range all {
		list = append(list, described(one.Name, one.Image))
	}
	return list, err
}

func snapshotNames(ctx context.Context, c *client.Client, before []string) (list []string, err error) {
	all, err := c.Snapshots(ctx, before[0])
	for _, s := range all {
		list = append(list, described(s.Name, fmt.Sprintf("%s ago%s", age(time.Since(s.CreatedAt)), although(s))))
	}
	return list, err
}

func incidentIDs(ctx context.Context, c *client.Client, _ []string) (list []string, err error) {
	all, err := c.LastIncidents(ctx)
	for _, i := range all {
		list = append(list, described(fmt.Sprint(i.ID), fmt.Sprintf("%s: %s", i.Status, i.Title)))
	}
	return list, err
}
