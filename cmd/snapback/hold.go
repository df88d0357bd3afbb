package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/outside"
)

func newHoldCmd(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "hold", Short: "Show and release what restores have put on hold", Args: usageArgs(cobra.NoArgs),
		Long: `Show and release what restores have put on hold: deploys that were rolled back, and must not come back unseen. It asks a running bot
(SNAPBACK_URL, SNAPBACK_TOKEN). Exit code 4 means that nothing is on hold.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHoldListCmd(e), newHoldReleaseCmd(e))
	return cmd
}

func newHoldListCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list CONTAINER", Short: "Say what of a container is on hold, since when and why", Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := remote(e)
			if err != nil {
				return err
			}
			held, err := c.Holds(cmd.Context(), args[0])
			var answer *client.Error
			if asJSON && errors.As(err, &answer) && answer.Code == "not_held" {
				return errors.Join(printJSON(e.stdout, map[string][]wire.Hold{"holds": {}}), err)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.stdout, held)
			}
			for _, h := range held.Holds {
				if fmt.Fprintln(e.stdout, outside.Line(h.Summary)); !h.BackAt.IsZero() {
					fmt.Fprintf(e.stdout, "  it came back at %s\n", h.BackAt.Format("2006-01-02 15:04 MST"))
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as the API has it")
	return cmd
}

func newHoldReleaseCmd(e env) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "release CONTAINER", Short: "Let what is on hold be deployed again", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Let what is on hold be deployed again, and say nothing more when it comes back. It takes a token with the scope restore.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := remote(e)
			if err != nil {
				return err
			}
			if err := e.confirm(cmd.Context(), yes, fmt.Sprintf("Release what is on hold of %s? Nobody is told when it comes back.", args[0])); err != nil {
				return err
			}
			if err := c.ReleaseHold(cmd.Context(), args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.stdout, "nothing of %s is on hold any more\n", outside.Line(args[0]))
			return err
		},
	}
	addYes(cmd.Flags(), &yes)
	return cmd
}
