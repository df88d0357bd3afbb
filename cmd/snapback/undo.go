package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/wire"
)

func newUndoCmd(e env) *cobra.Command {
	var ask wire.RestoreAsk
	var yes, async, asJSON bool
	cmd := &cobra.Command{
		Use: "undo RESTORE", Short: "Put the container from before a restore back", Args: usageArgs(cobra.ExactArgs(1)),
		Long: `Put the container from before a restore back, and see it through. RESTORE is the number that the restore has told. The undo is the
bot's: Ctrl-C ends the watching, not the undo. Exit code 1 means that it was reverted or failed, and 3 that it was refused.`,
		Example: `  snapback undo 12 --reason "it was not the deploy"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := restoreID(args[0])
			if err != nil {
				return err
			}
			c, err := remote(e)
			if err != nil {
				return err
			}
			if err := e.confirm(cmd.Context(), yes, fmt.Sprintf("Undo restore %d? The container is down for a moment.", id)); err != nil {
				return err
			}
			undo, err := c.Undo(cmd.Context(), id, ask)
			if err != nil {
				return err
			}
			to := e.tellsOf(asJSON)
			fmt.Fprintf(to.steps, "restore %d, the undo of %d: asked for\n", undo.ID, id)
			if async {
				return to.whole(undo)
			}
			return seeThrough(cmd.Context(), c, to, undo)
		},
	}
	f := cmd.Flags()
	addYes(f, &yes)
	f.StringVar(&ask.Reason, "reason", "", "one line for the timeline")
	f.BoolVar(&asJSON, "json", false, "the undo as the API has it, on standard output; its steps go to standard error")
	f.BoolVar(&async, "async", false, "ask for it, and don't watch")
	return cmd
}
