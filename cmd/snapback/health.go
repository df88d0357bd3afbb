package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// defaultMetricsListen is where serve listens for those who look after it, if nothing else is set.
const defaultMetricsListen = "127.0.0.1:9090"

// healthPatience is less than what the image's health check grants, so that the reason is told.
const healthPatience = 5 * time.Second

func newHealthCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "health", Short: "Ask whether the bot on this machine runs", Args: usageArgs(cobra.NoArgs),
		Long: `Ask /healthz at SNAPBACK_METRICS_LISTEN, for five seconds at most: exit code 0 if the bot answers, 1 if not. It is what the image's
health check calls. An engine or a database that is away is no reason to restart the bot: /readyz tells of those.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := e.lenientReader()
			address := r.address("SNAPBACK_METRICS_LISTEN", defaultMetricsListen)
			if err := r.err(); err != nil {
				return usageError{err}
			}
			err := askHealth(cmd.Context(), reachable(address))
			if asJSON {
				return errors.Join(printJSON(e.stdout, map[string]bool{"runs": err == nil}), err)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(e.stdout, "the bot runs")
			return err
		},
	}
	addJSON(cmd.Flags(), &asJSON)
	return cmd
}

// errAnyPort says that the bot can't be asked, whether it runs or not.
var errAnyPort = errors.New("SNAPBACK_METRICS_LISTEN leaves the port to the system (:0), which nobody else knows")

func anyPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	return err == nil && port == "0"
}

// askHealth asks the machine itself, so it goes through no proxy. It returns errAnyPort where the address has no port to ask at.
func askHealth(ctx context.Context, address string) error {
	if anyPort(address) {
		return errAnyPort
	}
	ctx, cancel := context.WithTimeoutCause(ctx, healthPatience, errors.New("no answer in 5 s"))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("the bot at %s: %w", address, cause)
	}
	if err != nil {
		return fmt.Errorf("the bot does not run: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the bot at %s answers %s", address, resp.Status)
	}
	return nil
}
