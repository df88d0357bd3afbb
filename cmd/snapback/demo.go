package main

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/internal/demo"
)

func newDemoCmd(e env) *cobra.Command {
	opts := demo.Options{Stdout: e.stdout, Snapback: inProcess(e)}
	cmd := &cobra.Command{
		Use: "demo", Short: "Play a night on this machine, without any account", Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return demo.Run(cmd.Context(), opts) },
	}
	cmd.Flags().BoolVar(&opts.Auto, "auto", false, "play it through without anybody, and fail if a step does")
	cmd.Flags().StringVar(&opts.Addr, "page", "127.0.0.1:8484", "where the page listens; port 0 takes any")
	return cmd
}

func newDemoShopCmd(e env) *cobra.Command {
	return &cobra.Command{
		Use: demo.ShopCommand, Hidden: true, Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return demo.RunShop(cmd.Context(), e.getenv, e.stdout) },
	}
}

// inProcess runs the very serve that users run.
func inProcess(e env) demo.Product {
	return func(ctx context.Context, vars map[string]string) (func(context.Context) error, string, error) {
		c, err := readConfig(func(name string) string { return vars[name] })
		if err != nil {
			return nil, "", err
		}
		ctx, cancel := context.WithCancel(ctx)
		ready, ended := make(chan struct{}), make(chan error, 1)
		log := slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		go func() { ended <- serve(ctx, c, log, func(net.Addr, net.Addr) { close(ready) }) }()
		select {
		case err := <-ended:
			cancel()
			return nil, "", errors.Join(err, context.Cause(ctx))
		case <-ready:
		}
		stop := func(limit context.Context) error {
			cancel()
			select {
			case err := <-ended:
				return err
			case <-limit.Done():
				return context.Cause(limit)
			}
		}
		return stop, c.PublicURL, nil
	}
}
