package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
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

// Options say how to play. Stdout is required.
type Options struct {
	Stdout io.Writer

	// Snapback is the program to show. Empty: the file named snapback beside this program.
	Snapback string
	// Stderr gets the warnings and errors of its log. Nil: nobody does.
	Stderr io.Writer

	Auto bool
	// Swarm has the shop be a service of a Swarm: the engine's, or else one that is made for the night.
	Swarm bool
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
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	self, err := os.Executable()
	if err != nil {
		return o, fmt.Errorf("finding this program's own file: %w", err)
	}
	o.Executable = cmp.Or(o.Executable, self)
	o.Snapback = cmp.Or(o.Snapback, filepath.Join(filepath.Dir(self), "snapback"))
	if _, err := os.Stat(o.Snapback); err != nil {
		return o, fmt.Errorf("there is no program to show: %w; make build makes it", err)
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
