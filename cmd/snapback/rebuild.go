package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/outside"
)

func newSnapshotRebuildCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "rebuild", Short: "Find snapshots again after the database was lost", Args: usageArgs(cobra.NoArgs),
		Long: `Find snapshots again after the database was lost. What the bot knows of a snapshot is also kept on the engine, sealed
with the bot's keys: so it needs the same SNAPBACK_SECRET_KEYS as before. Doing it twice does no harm. It needs a token with
the scope admin; after a loss, snapback token create makes one, or SNAPBACK_API_TOKEN is one.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := remote(e)
			if err != nil {
				return err
			}
			var got wire.Rebuilt
			tellMeanwhile(cmd.Context(), e.liveLine(e.stderr), "looking at every snapshot", nil, func() { got, err = c.RebuildSnapshots(cmd.Context()) })
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.stdout, got)
			}
			return printRebuilt(e.stdout, got)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as the API has it")
	return cmd
}

func printRebuilt(out io.Writer, r wire.Rebuilt) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%d on the engine: %d known already, %d added, %d left out\n", r.Found, r.Known, len(r.Added), len(r.LeftOut))
	for _, s := range r.Added {
		fmt.Fprintf(&text, "  added     %s of %s, %s, %s\n", outside.Line(s.Name), outside.Line(s.Container), s.Reason, day(s.CreatedAt))
	}
	for _, s := range r.LeftOut {
		fmt.Fprintf(&text, "  left out  %s of %s: %s\n", outside.Line(s.Name), outside.Line(s.Container), outside.Line(s.Why))
	}
	_, err := io.WriteString(out, text.String())
	return err
}
