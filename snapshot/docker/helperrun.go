package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/snapback/snapback/internal/volumetar"
	"github.com/snapback/snapback/snapshot"
)

// helperRun is one helper at work.
type helperRun struct {
	engine *Engine
	id     string
	in     io.Reader
	out    io.Writer
	words  limited // what it wrote to stderr
	begun  bool    // it was started, so that contents may have moved
}

func (r *helperRun) all(ctx context.Context) (volumetar.Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := r.engine.stall
	watch := time.AfterFunc(stall, func() { cancel(fmt.Errorf("the helper has not got on for %s", stall)) })
	defer watch.Stop()
	conn, err := r.engine.cli.ContainerAttach(ctx, r.id, container.AttachOptions{Stream: true, Stdin: r.in != nil, Stdout: true, Stderr: true})
	if err != nil {
		return volumetar.Report{}, fmt.Errorf("attaching to a helper: %w", known(err, snapshot.ErrGone))
	}
	defer conn.Close()
	unhook := context.AfterFunc(ctx, conn.Close) // reads and writes know no context
	defer unhook()
	// Asked for before the start, since it is removed when it ends.
	ended, failed := r.engine.cli.ContainerWait(ctx, r.id, container.WaitConditionNextExit)
	select {
	case err := <-failed: // at once: the engine does not watch it
		return volumetar.Report{}, fmt.Errorf("waiting for a helper: %w", known(err, snapshot.ErrGone))
	default:
	}
	if err := r.engine.cli.ContainerStart(ctx, r.id, container.StartOptions{}); err != nil {
		if strings.Contains(err.Error(), "not a directory") { // a single file can't be mounted where the helper wants a folder
			err = errors.Join(snapshot.ErrNoFolder, err)
		}
		return volumetar.Report{}, fmt.Errorf("starting a helper: %w", known(err, snapshot.ErrGone))
	}
	r.begun = true
	moved := func() { watch.Reset(stall) }
	fed := make(chan error, 1)
	if r.in != nil {
		go func() { // ends with the input, or when the connection is closed
			_, err := io.Copy(conn.Conn, pulse{r.in, moved})
			fed <- errors.Join(err, conn.CloseWrite())
		}()
	} else {
		fed <- nil
	}
	_, err = stdcopy.StdCopy(pulsing{r.out, moved}, pulsing{&r.words, moved}, conn.Reader)
	if err != nil || ctx.Err() != nil {
		conn.Close()
		return volumetar.Report{}, errors.Join(context.Cause(ctx), err, r.inputError(<-fed))
	}
	return r.verdict(ctx, ended, failed, fed)
}

// inputError leaves out that the helper had hung up, which has a reason that the helper tells.
func (r *helperRun) inputError(err error) error {
	if brokenOff(err) || err == nil {
		return nil
	}
	return err
}

// verdict: it has worked when the helper says so, and only then.
func (r *helperRun) verdict(ctx context.Context, ended <-chan container.WaitResponse, failed <-chan error, fed <-chan error) (volumetar.Report, error) {
	var report volumetar.Report
	inErr := <-fed
	select {
	case end := <-ended:
		if inErr := r.inputError(inErr); inErr != nil {
			return report, inErr
		}
		if end.StatusCode != 0 {
			return report, fmt.Errorf("the helper ended with code %d: %s", end.StatusCode, r.words.line())
		}
		if err := json.Unmarshal(r.words.text, &report); err != nil {
			return report, fmt.Errorf("%w: %q", snapshot.ErrLostReport, r.words.line())
		}
		return report, inErr
	case err := <-failed:
		return report, fmt.Errorf("waiting for a helper: %w", known(err, snapshot.ErrEngineAway))
	case <-ctx.Done():
		return report, context.Cause(ctx)
	}
}

// limited keeps the beginning of what is written to it, without the line breaks that come first: see volumetar's signs of life.
type limited struct{ text []byte }

func (l *limited) Write(p []byte) (int, error) {
	words := p
	if len(l.text) == 0 {
		words = bytes.TrimLeft(p, "\n")
	}
	l.text = append(l.text, words[:min(len(words), max(0, 16<<10-len(l.text)))]...)
	return len(p), nil
}

func (l *limited) line() string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(l.text), "\uFFFD")), " ")
}

// pulse and pulsing say that the helper gets on: bytes move, or it gives a sign of life.
type pulse struct {
	io.Reader
	moved func()
}

func (p pulse) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.moved()
	return n, err
}

type pulsing struct {
	io.Writer
	moved func()
}

func (p pulsing) Write(b []byte) (int, error) {
	p.moved()
	return p.Writer.Write(b)
}
