package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/outside"
	"github.com/snapback/snapback/snapshot"
)

func newDeploysCmd(e env) *cobra.Command {
	var ask client.DeploysAsk
	var asJSON bool
	cmd := &cobra.Command{
		Use: "deploys [CONTAINER]", Short: "List the deploys, the newest first", Args: usageArgs(cobra.MaximumNArgs(1)),
		Long: `List the deploys of a container, or of all, the newest first, from a running bot (SNAPBACK_URL, SNAPBACK_TOKEN).
SNAPSHOT is the state from before the deploy. What is of the same Compose project or stack, and was deployed within a minute of
each other, is together one deploy.`,
		Example: "  snapback deploys\n  snapback deploys api --since 7d --limit 0",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				ask.Container = args[0]
			}
			if ask.Most < 0 {
				return usageError{errors.New("--limit is a number, and 0 is all")}
			}
			c, err := remote(e)
			if err != nil {
				return err
			}
			list, err := c.Deploys(cmd.Context(), ask)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.stdout, wire.Deploys{Deploys: append([]wire.Deploy{}, list...)})
			}
			return printDeploys(e.stdout, list, time.Now())
		},
	}
	cmd.Flags().StringVar(&ask.Since, "since", "", "no older ones: a time such as 2026-11-24T03:00:00Z, or how long ago, such as 90m or 7d")
	cmd.Flags().IntVar(&ask.Most, "limit", 20, "how many at most; 0: all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as the API has it")
	return cmd
}

func printDeploys(out io.Writer, list []wire.Deploy, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "no deploy was seen")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tAGE\tCONTAINER\tSNAPSHOT\tCHANGED")
	for _, d := range list {
		kept := d.Snapshot
		if kept == "" {
			kept = "none"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", local(d.At), age(now.Sub(d.At)), outside.Line(d.Container), outside.Line(kept), changed(d))
	}
	return w.Flush()
}

func deployedWith(d wire.Deploy) (names []string) {
	for _, w := range d.Together {
		names = append(names, w.Container)
	}
	return names
}

// changed is what a deploy has brought, and whether that was taken back.
func changed(d wire.Deploy) string {
	what := outside.Line(snapshot.OneLine(d.Changes, 3))
	if what == "" {
		what = "nothing"
	}
	if names := deployedWith(d); len(names) > 0 {
		what += "; together with " + outside.Line(snapshot.Names(names))
	}
	if d.RolledBack != nil {
		what += "; rolled back to " + outside.Line(d.RolledBack.Snapshot) + " at " + local(d.RolledBack.At)
	}
	return what
}
