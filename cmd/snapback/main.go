// Command snapback is the bot and its tools: serve runs it, the others talk to it or look after it.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/setup"
	"github.com/snapback/snapback/snapshot"
)

// version is set by the build.
var version = ""

// env is what a command has of the world outside.
type env struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        func() []string // the environment as NAME=value; nil: only what getenv is asked for is known
	usualConfig    string          // the file of settings that is read when none is named; "": none
}

// names are those of the environment's variables.
func (e env) names() (names []string) {
	if e.environ == nil {
		return nil
	}
	for _, pair := range e.environ() {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	return names
}

// usageError is an error in how the program was called or set up: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// unknownError says that there is no such thing: exit code 4.
type unknownError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := execute(ctx, os.Args[1:], env{os.Getenv, os.Stdin, os.Stdout, os.Stderr, os.Environ, usualConfig})
	stop()
	os.Exit(exitCode(err))
}

// The exit codes, beside 0. Nothing has been changed when it is one of the last three.
const (
	exitFailed  = 1
	exitUsage   = 2 // a wrong call or setting
	exitRefused = 3 // as the bot sees it, it must not be: on hold, under way already, not allowed
	exitUnknown = 4 // there is no such container, snapshot, restore, incident, token or person
)

const exitCodes = "Exit codes: 0 done, 1 failed, 2 wrong call or setting, 3 refused, 4 not found."

func exitCode(err error) int {
	var usage usageError
	var answer *client.Error
	var pd *pagerduty.Error
	var other noHold
	switch {
	case err == nil:
		return 0
	case errors.As(err, &other):
		return exitFailed
	case errors.As(err, &usage), errors.Is(err, setup.ErrMissing):
		return exitUsage
	case errors.Is(err, errRefused), errors.Is(err, errUnfit), errors.Is(err, errNotRemoved), errors.Is(err, errOlder), errors.Is(err, pagerduty.ErrNotOurs):
		return exitRefused
	case errors.Is(err, pagerduty.ErrNoSubscription), errors.Is(err, snapshot.ErrUnknownContainer), errors.As(err, new(unknownError)):
		return exitUnknown
	case errors.As(err, &pd) && (pd.Reason == pagerduty.ReasonUnauthorized || errors.Is(pd, pagerduty.ErrMayNotWrite)): // PAGERDUTY_API_TOKEN
		return exitUsage
	case errors.As(err, &answer) && answer.Code == "not_snapback":
		return exitFailed
	case errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || answer.Code == "malformed"): // SNAPBACK_TOKEN, or what was typed
		return exitUsage
	case errors.As(err, &answer) && answer.Status == http.StatusNotFound:
		return exitUnknown
	case errors.As(err, &answer) && slices.Contains([]int{
		http.StatusForbidden, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity, http.StatusLocked,
	}, answer.Status):
		return exitRefused
	}
	return exitFailed
}

func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	return execute(ctx, args, env{getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr})
}

func execute(ctx context.Context, args []string, e env) error {
	root := newRoot(e)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintf(e.stderr, "snapback: %s\n", line)
		}
	}
	return err
}

func newRoot(e env) *cobra.Command {
	root := &cobra.Command{
		Use:   "snapback",
		Short: "Puts production back with one tap, and writes down what happened",
		Long: `Snapback keeps the state of your containers from before every deploy. When PagerDuty calls, it posts the alert to
Slack with a button that puts that state back, and keeps the timeline of the night.

` + exitCodes,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       versionText(),
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newInitCmd(e), newServeCmd(e), newVolumeHelperCmd(e), newContainersCmd(e), newDeploysCmd(e), newSnapshotCmd(e), newUndoCmd(e), newRestoresCmd(e), newHoldCmd(e), newIncidentsCmd(e),
		newExportCmd(e), newVerifyCmd(e), newDoctorCmd(e),
		newConfigCmd(e), newPagerDutyCmd(e), newTestAlertCmd(e), newMigrateCmd(e), newTokenCmd(e), newPersonCmd(e), newHealthCmd(e), newUninstallCmd(e), newVersionCmd(e),
	)
	for _, extra := range extraCommands {
		root.AddCommand(extra(e))
	}
	completeArguments(root, e)
	root.SetVersionTemplate("snapback {{.Version}}\n")
	refuseOtherShells(root)
	return root
}

// refuseOtherShells makes a wrong call of completion an error: cobra prints the help, and takes that for done.
func refuseOtherShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Args, cmd.RunE = usageArgs(cobra.NoArgs), func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, shell := range cmd.Commands() {
			shell.Args = usageArgs(cobra.NoArgs)
		}
	}
}

// extraCommands are those that only some builds have.
var extraCommands []func(env) *cobra.Command

// usageArgs makes usage errors of a wrong number of arguments, and of flags that exclude each other.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cmp.Or(check(cmd, args), cmd.ValidateFlagGroups()); err != nil {
			return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
		}
		return nil
	}
}

func newVersionCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return printJSON(e.stdout, map[string]string{"version": versionText()})
			}
			_, err := fmt.Fprintln(e.stdout, "snapback", versionText())
			return err
		},
	}
	addJSON(cmd.Flags(), &asJSON)
	return cmd
}

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
