package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/outside"
)

func newContainersCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "containers", Short: "List the enabled containers", Args: usageArgs(cobra.NoArgs),
		Long: "List the enabled containers, from a running bot (SNAPBACK_URL, SNAPBACK_TOKEN).",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := remote(e)
			if err != nil {
				return err
			}
			list, err := c.Containers(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.stdout, wire.Containers{Containers: append([]wire.Container{}, list...)})
			}
			out := e.shown()
			w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
			fmt.Fprintf(w, "NAME\tSERVICE\t%s\tIMAGE\n", painted(out, plain, "STATE"))
			for _, c := range list {
				state := painted(out, toneOf(c.State), outside.Line(c.State))
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", outside.Line(c.Name), outside.Line(c.Service), state, outside.Line(c.Image))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as the API has it")
	return cmd
}
