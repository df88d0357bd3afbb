package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/outside"
)

var errBrokenChains = errors.New("not every timeline is as it was written")

func newVerifyCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "verify [INCIDENT]", Short: "Prove that timelines are as they were written", Args: usageArgs(cobra.MaximumNArgs(1)),
		Long: `Read the timeline of one incident, or of all, and of what happened outside any, from a running bot (SNAPBACK_URL,
SNAPBACK_TOKEN), and compute every hash again, here. The bot holds each against the signatures of its entries, made with
its secret keys, against the ends of all timelines that it notes once a day in the file "anchors" of its data folder,
against the incident's own status, times and names, and against what the ends of sessions say of the recordings of shells.
Exit code 1 means that something is not as it was written.

What this proves: whoever can write to the database, and to nothing else, has not changed, added or removed anything.
Only what was cut off at the end of a timeline since the last anchor, at most a day, can't be told, unless its last hash
was noted elsewhere. What it does not prove: anything against whoever has the secret keys, or the bot itself. The log
says the length and the digest of the file "anchors" whenever it grows: collect the log where the bot can't reach it, and
that can be told as well. Entries from before a bot that signs are vouched for by the first anchor alone.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := remote(e)
			if err != nil {
				return err
			}
			if asJSON {
				return verifyForScripts(cmd.Context(), c, e.stdout, args)
			}
			return verify(cmd.Context(), c, e.shown(), args)
		},
	}
	addJSON(cmd.Flags(), &asJSON)
	return cmd
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
		v, err := verifyChain(ctx, c, ch)
		if err == nil {
			err = v.print(out, ch.title)
		}
		if err != nil {
			return err
		}
		broken = broken || !v.Holds
	}
	if broken {
		return errBrokenChains
	}
	_, err = fmt.Fprintln(out, "Shown against whoever can write to the database, but not against whoever has the secret keys: see snapback verify --help.")
	return err
}

// verifyForScripts prints nothing unless all could be read.
func verifyForScripts(ctx context.Context, c *client.Client, out io.Writer, args []string) error {
	chains, err := chainsOf(ctx, c, args)
	if err != nil {
		return err
	}
	all, broken := []verified{}, error(nil)
	for _, ch := range chains {
		v, err := verifyChain(ctx, c, ch)
		if err != nil {
			return err
		}
		if all = append(all, v); !v.Holds {
			broken = errBrokenChains
		}
	}
	return errors.Join(printJSON(out, map[string][]verified{"timelines": all}), broken)
}

// verified is what is found of a timeline.
type verified struct {
	Incident int64    `json:"incident"` // our ID; 0: what happened outside any
	Holds    bool     `json:"holds"`
	Entries  int64    `json:"entries"`
	LastHash string   `json:"last_hash"` // "": there is no entry
	Findings []string `json:"findings"`  // what is not as it was written
	strength string
}

func (v verified) print(out io.Writer, title string) error {
	for _, finding := range v.Findings {
		if _, err := fmt.Fprintf(out, "%s  %s: %s\n", painted(out, bad, "BROKEN"), title, finding); err != nil {
			return err
		}
	}
	if !v.Holds {
		return nil
	}
	_, err := fmt.Fprintf(out, "%s      %s: %d entries, last hash %s%s\n", painted(out, good, "ok"), title, v.Entries, cmp.Or(v.LastHash, "none"), v.strength)
	return err
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
	return chain{i.ID, fmt.Sprintf("incident %d (%s)", i.ID, outside.Line(i.PagerDutyID))}
}

func verifyChain(ctx context.Context, c *client.Client, ch chain) (verified, error) {
	out := verified{Incident: ch.id, Findings: []string{}}
	v, err := readChain(ctx, c, ch.id)
	switch {
	case errors.Is(err, incidents.ErrBroken):
		out.Findings = append(out.Findings, outside.Line(err.Error()))
		return out, nil
	case err != nil:
		return out, fmt.Errorf("reading the timeline %s: %w", ch.title, err)
	}
	proof, err := c.Proof(ctx, ch.id)
	if err != nil {
		return out, fmt.Errorf("asking for the proof of the timeline %s: %w", ch.title, err)
	}
	if proof.Entries < v.Count || proof.Entries == v.Count && !bytes.Equal(proof.LastHash, v.Last) {
		proof.Findings = append(proof.Findings, "what the bot lists is not what it proves")
	}
	for _, finding := range proof.Findings {
		out.Findings = append(out.Findings, outside.Line(finding))
	}
	out.Holds, out.Entries, out.LastHash, out.strength = len(out.Findings) == 0, v.Count, hex.EncodeToString(v.Last), strength(proof)
	return out, nil
}

// strength says how much of a timeline that holds is signed and noted outside the database.
func strength(p incidents.Proof) string {
	s := ""
	switch {
	case p.Entries == 0:
		return ""
	case p.SignedFrom == 0:
		s += "; not signed"
	case p.SignedFrom > 1:
		s += fmt.Sprintf("; signed from entry %d on", p.SignedFrom)
	default:
		s += "; signed"
	}
	if p.RowSigned {
		s += ", with the incident's status and times"
	}
	if p.AnchoredTo > 0 {
		s += fmt.Sprintf("; anchored up to entry %d on %s", p.AnchoredTo, p.AnchoredAt.UTC().Format(time.DateOnly))
	}
	if p.Recordings > 0 {
		s += fmt.Sprintf("; %d recordings whole", p.Recordings)
	}
	if p.Removed > 0 {
		s += fmt.Sprintf("; %d recordings removed after %s, hashes kept", p.Removed, outside.Line(p.KeptFor))
	}
	if p.Unsealed > 0 {
		s += fmt.Sprintf("; %d recordings not sealed", p.Unsealed)
	}
	return s
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
