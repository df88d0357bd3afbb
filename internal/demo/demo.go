package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/snapback/snapback/internal/demo/shop"
)

// ShopCommand is the hidden subcommand that the shop's image calls; the program runs RunShop for it.
const ShopCommand = "demo-shop"

// RunShop is the shop, until ctx ends.
func RunShop(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	return shop.Run(ctx, getenv, stdout)
}

// Product starts Snapback with an environment and returns when it is ready, with its address and the way to stop it.
// The environment has all settings that the demo needs; names that are missing are not to be taken from elsewhere.
type Product func(ctx context.Context, env map[string]string) (stop func(context.Context) error, url string, err error)

// Options say how to play. Snapback and Stdout are required.
type Options struct {
	Snapback Product
	Stdout   io.Writer

	Auto bool
	// Addr is where the page listens. Empty: 127.0.0.1:8484.
	Addr string
	// DataDir is where Snapback keeps its data. Empty: a temporary folder, which is removed at the end.
	DataDir string
	// Executable is a static program that the shop's image is made of. Empty: this program itself.
	Executable string
	// ShopArgs make a shop of it. Nil: ShopCommand.
	ShopArgs []string
	// Logger is for what people needn't know. Nil: nothing is logged.
	Logger *slog.Logger
}

const (
	defaultAddr = "127.0.0.1:8484"
	tidyLimit   = 90 * time.Second
)

// Run plays the night. Interactive, it returns nil once ctx has ended; with Auto, when the night is over, or an error
// that says which step failed. It returns only after everything that it made has been removed.
func Run(ctx context.Context, opts Options) (err error) {
	opts, err = opts.withDefaults()
	if err != nil {
		return err
	}
	n := newNight(opts)
	defer func() {
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyLimit)
		defer cancel()
		err = errors.Join(err, n.tidyUp(tidy))
	}()
	err = n.play(ctx)
	if ctx.Err() != nil && !opts.Auto {
		return nil // somebody has seen enough
	}
	return err
}

func (o Options) withDefaults() (Options, error) {
	if o.Addr == "" {
		o.Addr = defaultAddr
	}
	if o.ShopArgs == nil {
		o.ShopArgs = []string{ShopCommand}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Executable == "" {
		self, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("finding this program's own file: %w", err)
		}
		o.Executable = self
	}
	return o, nil
}

// play is the story in order.
func (n *night) play(ctx context.Context) error {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"opening the page", n.openWorld},
		{"opening the shop", n.openShop},
		{"starting Snapback", n.startSnapback},
		{"waiting for the baseline", n.awaitBaseline},
		{"deploying", n.deployBadly},
		{"alerting", n.alert},
	} {
		if err := step.do(ctx); err != nil {
			n.say(bad, "%s: %v", step.what, err)
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	if n.opts.Auto {
		return n.playMaria(ctx)
	}
	return n.handOver(ctx)
}

// newRun names a run, fit for labels, tags and container names.
func newRun() string { return strings.ToLower(rand.Text()[:6]) }
