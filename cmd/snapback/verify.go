package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
)

var errBrokenChains = errors.New("not every timeline is as it was written")

func newVerifyCmd(e env) *cobra.Command {
	return &cobra.Command{
		Use: "verify [INCIDENT]", Short: "Prove that timelines are as they were written", Args: usageArgs(cobra.MaximumNArgs(1)),
		Long: `Read the timeline of one incident, or of all, and of what happened outside any, from a running bot (SNAPBACK_URL,
SNAPBACK_TOKEN), and compute every hash again, here. Exit code 1 means that an entry was changed, or is missing.

Note the last hash somewhere else: a timeline whose end was cut off can be told by it, and by nothing else.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := remote(e)
			if err != nil {
				return err
			}
			return verify(cmd.Context(), c, e.stdout, args)
		},
	}
}

// chain is one timeline to be verified.
type chain struct {
	id    int64
	title string
}

func verify(ctx context.Context, c *client.Client, out io.Writer, args []string) error {
	chains, err := chainsOf(ctx, c, args)
	if err != nil {
		return err
	}
	broken := false
	for _, ch := range chains {
		holds, err := verifyChain(ctx, c, out, ch)
		if err != nil {
			return err
		}
		broken = broken || !holds
	}
	if broken {
		return errBrokenChains
	}
	return nil
}

func chainsOf(ctx context.Context, c *client.Client, args []string) ([]chain, error) {
	if len(args) == 1 {
		i, err := c.Incident(ctx, args[0])
		return []chain{chainOf(i)}, err
	}
	all, err := c.Incidents(ctx)
	chains := []chain{{0, "outside any incident"}}
	for _, i := range all {
		chains = append(chains, chainOf(i))
	}
	return chains, err
}

func chainOf(i wire.Incident) chain {
	return chain{i.ID, fmt.Sprintf("incident %d (%s)", i.ID, plain(i.PagerDutyID))}
}

func verifyChain(ctx context.Context, c *client.Client, out io.Writer, ch chain) (holds bool, err error) {
	v, err := readChain(ctx, c, ch.id)
	switch {
	case errors.Is(err, incidents.ErrBroken):
		_, err = fmt.Fprintf(out, "BROKEN  %s: %v\n", ch.title, err)
		return false, err
	case err != nil:
		return false, fmt.Errorf("reading the timeline %s: %w", ch.title, err)
	}
	last := "none"
	if v.Last != nil {
		last = fmt.Sprintf("%x", v.Last)
	}
	_, err = fmt.Fprintf(out, "ok      %s: %d entries, last hash %s\n", ch.title, v.Count, last)
	return true, err
}

// readChain computes every hash as the entries come, so that a chain of any length takes the same memory. It refuses one
// that holds, but is another incident's.
func readChain(ctx context.Context, c *client.Client, id int64) (v incidents.Verifier, err error) {
	err = c.Timeline(ctx, id, func(e incidents.Entry) error {
		if e.IncidentID != id {
			return fmt.Errorf("%w: entry %d is of incident %d", incidents.ErrBroken, e.Seq, e.IncidentID)
		}
		return v.Add(e)
	})
	return v, err
}
