// Command snapback-demo plays a night on this machine, without any account: it starts stand-ins for Slack and PagerDuty, a
// shop, and the program that users run, and lets a bad deploy break the shop.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/internal/demo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "snapback-demo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	opts := demo.Options{Stdout: stdout, Stderr: stderr}
	cmd := &cobra.Command{
		Use: "snapback-demo", Short: "Play a night on this machine, without any account", Args: cobra.NoArgs,
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo.Run(cmd.Context(), opts) },
	}
	cmd.Flags().BoolVar(&opts.Auto, "auto", false, "play it through without anybody, and fail if a step does")
	cmd.Flags().BoolVar(&opts.Swarm, "swarm", false, "with the shop as a service of a Swarm; unless the engine manages one, that takes root")
	cmd.Flags().StringVar(&opts.Addr, "page", "127.0.0.1:8484", "where the page listens; port 0 takes any")
	cmd.Flags().StringVar(&opts.Snapback, "snapback", "", "the program to show; the default is the file named snapback beside this one")
	cmd.AddCommand(&cobra.Command{
		Use: demo.ShopCommand, Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo.RunShop(cmd.Context(), getenv, stdout) },
	})
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	return cmd.ExecuteContext(ctx)
}
