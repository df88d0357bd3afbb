package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/snapshot"
)

// goingAway is what the engine answers with 500 while it, or the containerd beneath it, starts or shuts down.
var goingAway = []string{
	"shutting down", "transport is closing", "ttrpc: closed", "containerd.sock", "containerd: context canceled",
	"error reading from server: EOF", "not yet initialized", "daemon is not ready",
	": open : no such file or directory", // its network store is closed
}

// known adds the sentinel by which callers tell errors apart, and keeps the error itself in the chain. Missing is
// the sentinel for "not found" here; nil when there is none.
func known(err, missing error) error { return document{}.known(err, missing) }

// known is for errors about a container: it also hides what its environment says is secret.
func (d document) known(err, missing error) error {
	if err == nil {
		return nil
	}
	err = quiet(err, d.Config.Env)
	var denied *snapshot.DeniedError
	switch {
	case errors.As(err, &denied):
		return denied // what the client wraps it in is about connections
	case errors.Is(err, snapshot.ErrEngineAway), errors.Is(err, context.Canceled):
		return err
	case isAway(err):
		return fmt.Errorf("%w: %w", snapshot.ErrEngineAway, err)
	case missing != nil && cerrdefs.IsNotFound(err):
		return fmt.Errorf("%w: %w", missing, err)
	}
	return err
}

// redactedError is an error of the engine without the secrets that it quotes, such as those of a command that can't be started.
// It ends up on the timeline, in Slack and in the log.
type redactedError struct {
	error
	secrets []string
}

// quiet is err without the secrets of an environment, nor what looks like one.
func quiet(err error, env []string) error { return redactedError{err, mask.Secrets(env)} }

func (d redactedError) Error() string { return mask.Text(d.error.Error(), d.secrets) }

// Unwrap keeps the error's kind.
func (d redactedError) Unwrap() error { return d.error }

func isAway(err error) bool {
	if client.IsErrConnectionFailed(err) || cerrdefs.IsUnavailable(err) || brokenOff(err) {
		return true
	}
	if !cerrdefs.IsInternal(err) && !cerrdefs.IsUnknown(err) {
		return false
	}
	text := err.Error()
	for _, sign := range goingAway {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// brokenOff says that an answer did not come, or not whole.
func brokenOff(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
