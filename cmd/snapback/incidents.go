package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/outside"
)

func newIncidentsCmd(e env) *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use: "incidents [INCIDENT]", Short: "List the open incidents, or show one with its timeline", Args: usageArgs(cobra.MaximumNArgs(1)),
		Long: `List the open incidents, the newest first, or show one with its timeline, from a running bot (SNAPBACK_URL, SNAPBACK_TOKEN).
INCIDENT is our ID, PagerDuty's ID or its number. snapback export writes the post-mortem.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := remote(e)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return showIncident(cmd.Context(), c, e.stdout, args[0], asJSON)
			}
			return listIncidents(cmd.Context(), c, e.shown(), all, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as the API has it")
	cmd.Flags().BoolVar(&all, "all", false, "also those that are resolved")
	return cmd
}

func listIncidents(ctx context.Context, c *client.Client, out io.Writer, all, asJSON bool) error {
	list, err := c.Incidents(ctx)
	if err != nil {
		return err
	}
	shown := []wire.Incident{}
	for _, i := range list {
		if all || i.Status != incidents.Resolved {
			shown = append(shown, i)
		}
	}
	if asJSON {
		return printJSON(out, wire.Incidents{Incidents: shown})
	}
	if len(shown) == 0 {
		none := "no incident is open"
		if all {
			none = "there was no incident yet"
		}
		_, err := fmt.Fprintln(out, none)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "ID\tNUMBER\t%s\tOPENED\tSERVICE\tTITLE\n", painted(out, plain, "STATUS"))
	for _, i := range shown {
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\t%s\n", i.ID, i.Number, painted(out, toneOfStatus(i.Status), string(i.Status)), local(i.OpenedAt), outside.Line(i.Service), outside.Line(i.Title))
	}
	return w.Flush()
}

func showIncident(ctx context.Context, c *client.Client, out io.Writer, ref string, asJSON bool) error {
	i, err := c.Incident(ctx, ref)
	if err != nil {
		return err
	}
	if asJSON {
		all := struct {
			wire.Incident
			Timeline []incidents.Entry `json:"timeline"`
		}{i, []incidents.Entry{}}
		if err := c.Timeline(ctx, i.ID, func(entry incidents.Entry) error { all.Timeline = append(all.Timeline, entry); return nil }); err != nil {
			return err
		}
		return printJSON(out, all)
	}
	fmt.Fprintf(out, "%d: %s (%s), %s\n", i.ID, outside.Line(i.Title), outside.Line(i.Service), i.Status)
	for _, moment := range []struct {
		what string
		at   time.Time
	}{{"opened", i.OpenedAt}, {"acknowledged", i.AcknowledgedAt}, {"restored", i.RestoredAt}, {"flat", i.FlatAt}, {"resolved", i.ResolvedAt}} {
		if !moment.at.IsZero() {
			fmt.Fprintf(out, "  %-12s  %s\n", moment.what, local(moment.at))
		}
	}
	fmt.Fprintln(out)
	return c.Timeline(ctx, i.ID, func(entry incidents.Entry) error {
		_, err := fmt.Fprintf(out, "%s  %s\n", local(entry.OccurredAt), outside.Line(entry.Summary))
		return err
	})
}

// local is a time as people here read it, to the second.
func local(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }
