package engine

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/docker/docker/api/types/image"
)

// Program is what the image runs.
type Program struct {
	Executable string   // a static program on this machine
	Args       []string // what makes it a shop
	Busybox    string   // a static busybox for those who open a shell; "" or missing: no shell
}

// applets are what somebody looks for in a container at night.
var applets = []string{
	"sh", "ls", "cat", "ps", "top", "env", "tail", "head", "grep", "wget", "netstat", "df", "free", "uptime", "id", "vi", "less", "sleep", "kill", "date",
}

// Import makes the image of one version of the shop. The versions share their layer.
func (e *Engine) Import(ctx context.Context, version string, p Program) error {
	r, w := io.Pipe()
	done := make(chan struct{}) // closed when the archive is written
	go func() {                 // ends when the engine has read it all, or has hung up
		defer close(done)
		_ = w.CloseWithError(writeLayer(w, p))
	}()
	defer func() { _ = r.Close(); <-done }()
	entrypoint, err := json.Marshal(append([]string{"/shop"}, p.Args...))
	if err != nil {
		return fmt.Errorf("writing the entrypoint: %w", err)
	}
	body, err := e.cli.ImageImport(ctx, image.ImportSource{Source: r, SourceName: "-"}, e.Ref(version), image.ImportOptions{
		Message: "the demo's shop", Changes: []string{
			"ENTRYPOINT " + string(entrypoint), "EXPOSE " + inside, "USER 65534:65534", "WORKDIR /",
			"ENV PATH=/bin SHOP_VERSION=" + version, "LABEL " + Label + "=" + e.run,
			"LABEL org.opencontainers.image.title=shop org.opencontainers.image.version=" + version,
		},
	})
	if err != nil {
		return fmt.Errorf("importing %s: %w", e.Ref(version), err)
	}
	if err := verdict(body); err != nil {
		return fmt.Errorf("importing %s: %w", e.Ref(version), err)
	}
	return nil
}

// verdict reads the engine's progress messages to the end, and closes them; an error is one of them.
func verdict(r io.ReadCloser) error {
	defer func() { _ = r.Close() }()
	dec := json.NewDecoder(r)
	for {
		var m struct{ Error string }
		switch err := dec.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case m.Error != "":
			return errors.New(m.Error)
		}
	}
}

// writeLayer writes the image's only layer. Times are fixed, so that each version's is the very same.
func writeLayer(w io.Writer, p Program) error {
	t := tar.NewWriter(w)
	if err := addFiles(t, p); err != nil {
		return err
	}
	return t.Close()
}

func addFiles(t *tar.Writer, p Program) error {
	for _, dir := range []string{"bin/", "etc/", "tmp/"} {
		mode := int64(0o755)
		if dir == "tmp/" {
			mode = 0o1777
		}
		if err := t.WriteHeader(header(dir, tar.TypeDir, mode, 0)); err != nil {
			return err
		}
	}
	if err := addText(t, "etc/passwd", "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"); err != nil {
		return err
	}
	if err := addProgram(t, "shop", p.Executable); err != nil {
		return err
	}
	return addShell(t, p.Busybox)
}

func header(name string, kind byte, mode, size int64) *tar.Header {
	return &tar.Header{Name: name, Typeflag: kind, Mode: mode, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
}

func addText(t *tar.Writer, name, text string) error {
	if err := t.WriteHeader(header(name, tar.TypeReg, 0o644, int64(len(text)))); err != nil {
		return err
	}
	_, err := io.WriteString(t, text)
	return err
}

func addProgram(t *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(header(name, tar.TypeReg, 0o755, info.Size())); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, info.Size())
	return err
}

func addShell(t *tar.Writer, busybox string) error {
	if busybox == "" {
		return nil
	}
	switch err := addProgram(t, "bin/busybox", busybox); {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	for _, name := range applets {
		h := header("bin/"+name, tar.TypeSymlink, 0o777, 0)
		h.Linkname = "busybox"
		if err := t.WriteHeader(h); err != nil {
			return err
		}
	}
	return nil
}
