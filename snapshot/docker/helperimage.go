package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/snapback/snapback/internal/volumetar"
	"github.com/snapback/snapback/snapshot"
)

// helper is the image, made once.
type helper struct {
	mu  sync.Mutex
	ref string // guarded by mu; "" until the program was read
}

// program is what the image holds.
func (e *Engine) program() (string, error) {
	if e.helperProgram != "" {
		return e.helperProgram, nil
	}
	return os.Executable()
}

// ReadyToMove makes the helper's image if the engine does not have it, and looks where the mounts lead to.
func (e *Engine) ReadyToMove(ctx context.Context, mounts ...snapshot.Mount) error {
	err := again(ctx, func() error { _, err := e.helperImage(ctx); return err })
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if _, err := e.meant(ctx, m); err != nil && !errors.Is(err, snapshot.ErrNoFolder) && !errors.Is(err, snapshot.ErrGone) {
			return err
		}
	}
	return nil
}

func (e *Engine) helperImage(ctx context.Context) (string, error) {
	e.helper.mu.Lock()
	defer e.helper.mu.Unlock()
	path, err := e.program()
	if err != nil {
		return "", fmt.Errorf("finding the helper's program: %w", err)
	}
	if e.helper.ref == "" {
		sum, err := digest(path)
		if err != nil {
			return "", fmt.Errorf("reading the helper's program: %w", err)
		}
		e.helper.ref = e.helperRepo + ":" + sum
	}
	there, err := e.imageOf(ctx, e.helper.ref)
	if err != nil || there != "" {
		return e.helper.ref, err
	}
	if err := e.importHelper(ctx, path, e.helper.ref); err != nil {
		return "", fmt.Errorf("making the helper's image: %w", known(err, nil))
	}
	return e.helper.ref, nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}

func (e *Engine) importHelper(ctx context.Context, path, ref string) error {
	r, w := io.Pipe()
	done := make(chan struct{}) // closed when the archive is written
	go func() {                 // ends when the engine has read it all, or has hung up
		defer close(done)
		_ = w.CloseWithError(helperLayer(w, path))
	}()
	defer func() { _ = r.Close(); <-done }()
	entrypoint, err := json.Marshal([]string{"/helper", volumetar.Command})
	if err != nil {
		return err
	}
	progress, err := e.cli.ImageImport(ctx, image.ImportSource{Source: r, SourceName: "-"}, ref, image.ImportOptions{
		Message: "moves the contents of volumes", Changes: []string{"ENTRYPOINT " + string(entrypoint), "LABEL " + helperLabel + "=image"},
	})
	if err != nil {
		return err
	}
	defer func() { _ = progress.Close() }()
	for dec := json.NewDecoder(progress); ; {
		var line struct{ Error string }
		switch err := dec.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case line.Error != "":
			return errors.New(line.Error)
		}
	}
}

func helperLayer(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, h := range []*tar.Header{
		{Name: strings.TrimPrefix(volumetar.Mount, "/") + "/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(0, 0)},
		{Name: strings.TrimPrefix(volumetar.HostMount, "/") + "/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(0, 0)},
		{Name: "helper", Typeflag: tar.TypeReg, Mode: 0o755, Size: info.Size(), ModTime: time.Unix(0, 0)},
	} {
		if err := t.WriteHeader(h); err != nil {
			return err
		}
	}
	if _, err := io.CopyN(t, f, info.Size()); err != nil {
		return err
	}
	return t.Close()
}
