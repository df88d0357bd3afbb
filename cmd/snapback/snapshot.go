package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/internal/outside"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

func newSnapshotCmd(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "snapshot", Short: "Take, list, restore, delete and rebuild snapshots", Args: usageArgs(cobra.NoArgs),
		Long: `Take, list, restore and delete snapshots of a container, over the HTTP API of a running bot (SNAPBACK_URL,
SNAPBACK_TOKEN). CONTAINER is its name, its snapback.service, its ID, or at least the first 12 digits of that.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSnapshotCreateCmd(e), newSnapshotListCmd(e), newSnapshotRestoreCmd(e), newSnapshotDeleteCmd(e), newSnapshotRebuildCmd(e))
	return cmd
}

func newSnapshotCreateCmd(e env) *cobra.Command {
	var ask wire.NewSnapshot
	var preDeploy, asJSON bool
	var deployID string
	cmd := &cobra.Command{
		Use: "create CONTAINER", Short: "Keep the state of a container", Args: usageArgs(cobra.ExactArgs(1)),
		Long: `Keep the state of a container. With --pre-deploy it also asks whether a deploy may begin. Exit code 3 means that it may not: a
restore has rolled the deploy back, and it is on hold. Nothing else has that code then: a refusal of another kind, such as a full disk, has 1.`,
		Example: "  snapback snapshot create api --pre-deploy --deploying shop/api:1.43 --deploy-id 4711\n  snapback snapshot create api --name before-migration --expires-in 14d",
		RunE: func(cmd *cobra.Command, args []string) error {
			if preDeploy {
				ask.Reason = string(snapshot.PreDeploy)
			}
			c, err := remote(e)
			if err != nil {
				return err
			}
			if deployID != "" {
				c, ask.Note = c.WithKey(deployKey(deployID, args[0])), cmp.Or(ask.Note, "before deploy "+deployID)
			}
			var s wire.Snapshot
			tellMeanwhile(cmd.Context(), e.liveLine(e.stderr), "keeping "+args[0], archivingOf(c, args[0]), func() { s, err = c.TakeSnapshot(cmd.Context(), args[0], ask) })
			if err != nil {
				return beforeDeploy(ask.Reason, err)
			}
			if asJSON {
				return printJSON(e.stdout, s)
			}
			_, err = fmt.Fprintf(e.stdout, "%s of %s is kept (%s)%s\n", outside.Line(s.Name), outside.Line(s.Container), size(s.SizeBytes), although(s))
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&ask.Name, "name", "", "its name; default after the reason and the time, such as pre-deploy-2255")
	f.StringVar(&ask.Reason, "reason", "", "manual (default) or pre-deploy")
	f.StringVar(&ask.Note, "note", "", "one line for people")
	f.BoolVar(&preDeploy, "pre-deploy", false, "the same as --reason pre-deploy: a deploy follows")
	f.StringVar(&ask.ExpiresIn, "expires-in", "", "when it may go, such as 90m, 72h or 14d; default as snapback.keep has it")
	f.BoolVar(&ask.Pinned, "pin", false, "keep it until it is deleted")
	f.StringVar(&ask.Deploying, "deploying", "", "with --pre-deploy: the image that is to be deployed, by its tag, digest or ID; another one than that on hold gets through")
	f.StringVar(&deployID, "deploy-id", "", "the name of this attempt to deploy: called again with it within two days, this takes no second snapshot; the note has it")
	f.BoolVar(&ask.Override, "override", false, "with --pre-deploy: also while a deploy is on hold; takes a token with the scope restore")
	cmd.MarkFlagsMutuallyExclusive("pre-deploy", "reason")
	f.BoolVar(&asJSON, "json", false, "as the API has it")
	completeFlag(cmd, "reason", string(snapshot.Manual), string(snapshot.PreDeploy))
	return cmd
}

// deployKey is what a deploy of a container is known by. A header takes no name as it may be.
func deployKey(id, container string) string {
	sum := sha256.Sum256([]byte(id + "\x00" + container))
	return "deploy-" + hex.EncodeToString(sum[:])
}

// noHold is a refusal before a deploy for which the deploy need not stop.
type noHold struct{ error }

func (e noHold) Unwrap() error { return e.error }

// beforeDeploy leaves the exit code for what is refused to holds, since pipelines stop for it.
func beforeDeploy(reason string, err error) error {
	var answer *client.Error
	if reason != string(snapshot.PreDeploy) || exitCode(err) != exitRefused || errors.As(err, &answer) && answer.Status == http.StatusLocked {
		return err
	}
	return noHold{err}
}

func newSnapshotListCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list CONTAINER", Short: "List a container's snapshots, the newest first", Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := remote(e)
			if err != nil {
				return err
			}
			list, err := c.Snapshots(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.stdout, wire.Snapshots{Snapshots: append([]wire.Snapshot{}, list...)})
			}
			return printSnapshots(e.shown(), list, time.Now())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as the API has it")
	return cmd
}

func printSnapshots(out io.Writer, list []wire.Snapshot, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tAGE\tREASON\tSIZE\tWOULD CHANGE\tRESTORABLE")
	for _, s := range list {
		restorable := "yes" + withVolumes(s.Volumes)
		if !s.Restorable {
			restorable = "no: " + outside.Line(strings.Join(s.WhyNot, "; "))
		}
		reason := string(s.Reason)
		if s.Pinned {
			reason += ", pinned"
		}
		doubt, shade := although(s), toneIf(s.Restorable)
		if s.Restorable && doubt != "" {
			shade = worrying
		}
		restorable = painted(out, shade, restorable+doubt)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", outside.Line(s.Name), age(now.Sub(s.CreatedAt)), reason, size(s.SizeBytes), wouldChange(s), restorable)
	}
	return w.Flush()
}

// wouldChange is what a restore would change from what runs now.
func wouldChange(s wire.Snapshot) string {
	if s.Running {
		return "nothing: it is what runs now"
	}
	return outside.Line(snapshot.OneLine(s.Changes, 2))
}

// although warns of a state that is not known to be a good one.
func although(s wire.Snapshot) string {
	switch {
	case s.Unwell != "":
		return ", although " + outside.Line(s.Unwell)
	case s.Doubt != "":
		return ", but " + outside.Line(s.Doubt)
	}
	return ""
}

// withVolumes says in the list what --with-volumes would bring.
func withVolumes(v *wire.Volumes) string {
	switch {
	case v == nil:
		return ""
	case v.Restorable:
		return fmt.Sprintf(", also with volumes (%s, %s)", size(v.SizeBytes), v.Consistency)
	}
	return "; without volumes only: " + outside.Line(strings.Join(v.WhyNot, "; "))
}

// age is a duration in its largest unit, rounded down.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// size is that of the committed layer; a snapshot of a container that had written nothing needs none.
func size(bytes int64) string {
	if bytes == 0 {
		return "nothing written"
	}
	return snapshot.Bytes(bytes)
}

func newSnapshotDeleteCmd(e env) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete CONTAINER NAME", Short: "Delete a snapshot", Args: usageArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := remote(e)
			if err != nil {
				return err
			}
			if err := e.confirm(cmd.Context(), yes, fmt.Sprintf("Delete %s of %s? It can't be brought back.", args[1], args[0])); err != nil {
				return err
			}
			if err := c.DeleteSnapshot(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.stdout, "%s of %s is deleted\n", outside.Line(args[1]), outside.Line(args[0]))
			return err
		},
	}
	addYes(cmd.Flags(), &yes)
	return cmd
}

// restoreFlags are how a restore is asked for.
type restoreFlags struct {
	ask     wire.RestoreAsk
	async   bool
	force   bool
	ifMatch string
	asJSON  bool
}

func newSnapshotRestoreCmd(e env) *cobra.Command {
	var flags restoreFlags
	var incident string
	var yes bool
	cmd := &cobra.Command{
		Use: "restore CONTAINER NAME", Short: "Put a container back to a snapshot", Args: usageArgs(cobra.ExactArgs(2)),
		Long: `Put a container back to a snapshot, and see it through. The restore is the bot's: Ctrl-C ends the watching, not the
restore. Exit code 1 means that it was reverted or failed, and 3 that it was refused.`,
		Example: `  snapback snapshot restore api pre-deploy-2255 --reason "checkout answers 500"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if incident != "" {
				flags.ask.Incident = incident
			}
			c, err := remote(e)
			if err != nil {
				return err
			}
			if err := e.confirm(cmd.Context(), yes, fmt.Sprintf("Put %s back to %s? It is down for a moment.", args[0], args[1])); err != nil {
				return err
			}
			return restoreAndWatch(cmd.Context(), c, e.tellsOf(flags.asJSON), args[0], args[1], flags)
		},
	}
	f := cmd.Flags()
	addYes(f, &yes)
	f.StringVar(&flags.ask.Reason, "reason", "", "one line for the timeline")
	f.BoolVar(&flags.ask.Volumes, "with-volumes", false, "put the contents of its volumes back as well; what they hold now is kept for the undo")
	f.BoolVar(&flags.ask.Replicas, "with-replicas", false, "of a Swarm's service: with as many tasks as it had then; otherwise as many as there are now")
	f.StringVar(&incident, "incident", "", "whose timeline gets it: its ID or number; default the only open one")
	f.BoolVar(&flags.async, "async", false, "ask for it, and don't watch")
	f.BoolVar(&flags.asJSON, "json", false, "the restore as the API has it, on standard output; its steps go to standard error")
	f.BoolVar(&flags.force, "force", false, "also when that is what runs already: the container is made anew, without the files that it has written")
	f.StringVar(&flags.ifMatch, "if-match", "", "the ID of the container that you saw: refused when another one runs by now")
	return cmd
}

const (
	pollEvery = 200 * time.Millisecond
	patience  = time.Minute // for a bot that is being restarted
)

var (
	errNotRestored = errors.New("not restored")
	errRefused     = fmt.Errorf("%w: refused", errNotRestored)
)

// telling is where a restore is told of.
type telling struct {
	steps  io.Writer
	line   *liveLine // on steps
	result io.Writer // gets the restore as JSON; nil: nobody wants that
}

func (e env) tellsOf(asJSON bool) telling {
	if asJSON {
		return telling{e.stderr, e.liveLine(e.stderr), e.stdout}
	}
	return telling{steps: e.stdout, line: e.liveLine(e.stdout)}
}

func (t telling) whole(r wire.Restore) error {
	if t.result == nil {
		return nil
	}
	return printJSON(t.result, r)
}

func restoreAndWatch(ctx context.Context, c *client.Client, to telling, container, name string, flags restoreFlags) error {
	rest, err := c.Restore(ctx, container, name, flags.ifMatch, flags.force, flags.ask)
	if err != nil {
		return err
	}
	fmt.Fprintf(to.steps, "restore %d of %s to %s: asked for\n", rest.ID, outside.Line(rest.Container), outside.Line(rest.Snapshot))
	if flags.async {
		return to.whole(rest)
	}
	return seeThrough(ctx, c, to, rest)
}

// seeThrough watches a restore or an undo to its end, and says what can be done then.
func seeThrough(ctx context.Context, c *client.Client, to telling, rest wire.Restore) error {
	out := to.steps
	phases := &phasePrinter{line: to.line}
	over, err := c.Await(ctx, rest.ID, pollEvery, patience, phases.print)
	to.line.end()
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("no longer watching: restore %d goes on. snapback restores %d tells how it ends", rest.ID, rest.ID)
	}
	if err != nil {
		return fmt.Errorf("restore %d was asked for, and nothing is heard of it: %w", rest.ID, err)
	}
	if err := to.whole(over); err != nil {
		return err
	}
	if over.State != restore.Verified {
		printLink(ctx, c, out, over)
		if over.State == restore.Refused {
			return fmt.Errorf("%w: %s", errRefused, outside.Line(over.Summary))
		}
		return fmt.Errorf("%w: %s", errNotRestored, outside.Line(over.Summary))
	}
	if _, err = fmt.Fprintln(out, outside.Line(over.Summary)); err != nil {
		return err
	}
	if over.Kept != "" {
		fmt.Fprintf(out, "to undo: snapback undo %d\n", over.ID)
	}
	printLink(ctx, c, out, over)
	return nil
}

// printLink prints a terminal link to what a restore has left. A token that may not make one, and an incident that is over, leave
// it out: nobody has asked for it.
func printLink(ctx context.Context, c *client.Client, out io.Writer, over wire.Restore) {
	if over.Incident == 0 || over.State == restore.Refused {
		return
	}
	link, err := c.TerminalLink(ctx, over.Incident, wire.LinkAsk{Container: over.Container, LogsSince: over.RequestedAt})
	if err == nil {
		fmt.Fprintf(out, "terminal, once, until %s: %s\n", link.ExpiresAt.Local().Format("15:04"), link.URL)
	}
}
