package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/snapshot"
)

// tailLimit is how many bytes of log are read. Lines can be long, and this is for people to read.
const tailLimit = 256 << 10

// Tail returns the last lines that a container wrote, secrets of its environment masked. Both streams are in it, in the
// order in which the engine has them.
func (e *Engine) Tail(ctx context.Context, id string, lines int) (string, error) {
	d, err := e.allowed(ctx, id)
	if err != nil {
		return "", err
	}
	logs, err := e.cli.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(max(lines, 1))})
	if err != nil {
		return "", fmt.Errorf("reading the log of %s: %w", d.Name, d.known(err, snapshot.ErrGone))
	}
	text, err := readLog(logs, d.Config.Tty)
	if err = errors.Join(err, logs.Close()); err != nil {
		return "", fmt.Errorf("reading the log of %s: %w", d.Name, d.known(err, nil))
	}
	return mask.Text(readableText(text), mask.Secrets(d.Config.Env)), nil
}

// readableText keeps line breaks and tabs of what controls a terminal. PostgreSQL takes no NUL, so that one would keep the
// restore that quotes it from ever being over.
func readableText(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// readLog takes the two streams apart unless the container has a terminal, which has only one.
func readLog(from io.Reader, tty bool) (string, error) {
	var out bytes.Buffer
	from = io.LimitReader(from, tailLimit)
	if tty {
		_, err := io.Copy(&out, from)
		return out.String(), err
	}
	_, err := stdcopy.StdCopy(&out, &out, from)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil // cut off at the limit
	}
	return out.String(), err
}
