package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/internal/outside"
)

func newRestoresCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "restores RESTORE", Short: "Say how far a restore or an undo is, or how it has ended", Args: usageArgs(cobra.ExactArgs(1)),
		Long: `Say how far a restore or an undo is, or how it has ended, by a running bot (SNAPBACK_URL, SNAPBACK_TOKEN). RESTORE is the number
that it was told by when it was asked for. The exit code says nothing of how it ended.`,
		Example: "  snapback restores 12",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := restoreID(args[0])
			if err != nil {
				return err
			}
			c, err := remote(e)
			if err != nil {
				return err
			}
			r, err := c.GetRestore(cmd.Context(), id)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.stdout, r)
			}
			fmt.Fprintf(e.stdout, "restore %d of %s to %s: %s\n", r.ID, outside.Line(r.Container), outside.Line(r.Snapshot), r.State)
			(&phasePrinter{line: &liveLine{out: e.stdout}}).print(r)
			if r.Progress != nil {
				fmt.Fprintf(e.stdout, "  %s\n", outside.Line(r.Progress.String()))
			}
			_, err = fmt.Fprintln(e.stdout, outside.Line(r.Summary))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as the API has it")
	return cmd
}

// restoreID is the number that a restore has.
func restoreID(arg string) (int64, error) {
	id, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || id < 1 {
		return 0, usageError{fmt.Errorf("%q is no restore's number: snapback snapshot restore tells it, and so does the timeline", outside.Line(arg))}
	}
	return id, nil
}
