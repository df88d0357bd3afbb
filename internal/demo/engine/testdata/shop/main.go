// Command shop is the demo's shop alone, for tests that need it as a static program.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/snapback/snapback/internal/demo/shop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := shop.Run(ctx, os.Getenv, os.Stdout)
	stop()
	if err != nil {
		os.Exit(1)
	}
}
