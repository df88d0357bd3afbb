package main

import (
	"github.com/spf13/cobra"

	"github.com/snapback/snapback/internal/volumetar"
)

// newVolumeHelperCmd is what this program does inside the helper container that snapshot/docker makes of it.
func newVolumeHelperCmd(e env) *cobra.Command {
	return &cobra.Command{
		Use: volumetar.Command, Hidden: true, Args: usageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(_ *cobra.Command, args []string) error {
			return volumetar.Helper{}.Run(args, e.stdin, e.stdout, e.stderr)
		},
	}
}
