package docker

import (
	"archive/tar"
	"bytes"
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

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/snapback/snapback/internal/volumetar"
	"github.com/snapback/snapback/snapshot"
)

// The engine's own archive call leaves out extended attributes and holes, follows mounts below the one that is meant,
// and can't remove anything. So contents are moved by a helper: a container that has the volume mounted and nothing else,
// from an image that holds nothing but this program. The image is made when it is first needed; nothing is pulled.
// Another helper says beforehand which folder of the host is meant, and has the host's root mounted for that: see meant.
//
// A helper has no network, a read-only root, and no privileges but those over files. It removes itself when it ends. One
// whose bot has died reads the end of its input, or writes to nobody, and ends as well.

const (
	helperLabel = "snapback.helper"
	helperRepo  = "snapback-helper"
)

// Of helpers docs/limits.md tells these.
const (
	helperStall = 2 * time.Minute  // without a sign of getting on it is taken for stuck
	helperGone  = 30 * time.Second // how long the engine may take to remove one
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
	if _, err := e.helperImage(ctx); err != nil {
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

// capabilities are those over files, which the contents of a volume take.
var capabilities = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"}

// task is what a helper is to do, and with what.
type task struct {
	name  string
	args  []string
	mount mount.Mount
	path  string // of the mount in its container, for people
	reads bool   // it has no input
}

func (e *Engine) createHelper(ctx context.Context, t task) (string, error) {
	ref, err := e.helperImage(ctx)
	if err != nil {
		return "", err
	}
	config := &container.Config{
		Image: ref, Cmd: t.args, User: "0:0", Labels: map[string]string{helperLabel: t.args[0]}, NetworkDisabled: true,
		AttachStdout: true, AttachStderr: true, AttachStdin: !t.reads, OpenStdin: !t.reads, StdinOnce: !t.reads,
	}
	host := &container.HostConfig{
		AutoRemove: true, NetworkMode: "none", ReadonlyRootfs: true, CapDrop: []string{"ALL"}, CapAdd: capabilities,
		SecurityOpt: []string{"no-new-privileges", "label=disable"}, LogConfig: container.LogConfig{Type: "none"},
		Mounts: []mount.Mount{t.mount},
	}
	made, err := e.cli.ContainerCreate(ctx, config, host, nil, nil, t.name)
	if err != nil {
		return "", fmt.Errorf("creating a helper for %s: %w", t.path, known(err, snapshot.ErrGone))
	}
	return made.ID, nil
}

// removeFormer removes the helper that was at the same work before. A name is anybody's to take: what bears it goes only
// if it is a helper, and by its ID.
func (e *Engine) removeFormer(ctx context.Context, name string) error {
	d, _, err := e.look(ctx, name)
	if errors.Is(err, snapshot.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if d.Config.Labels[helperLabel] == "" || d.Name != name {
		return fmt.Errorf("container %s has a helper's name and is none: rename or remove it", name)
	}
	return e.removeHelper(ctx, d.ID)
}

// removeHelper also works when ctx is over, which may be why.
func (e *Engine) removeHelper(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), helperGone)
	defer cancel()
	err := e.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true})
	if err == nil || notFound(err) {
		return nil
	}
	if !cerrdefs.IsConflict(err) {
		return fmt.Errorf("removing a helper: %w", known(err, nil))
	}
	done, errs := e.cli.ContainerWait(ctx, id, container.WaitConditionRemoved)
	select {
	case <-done:
		return nil
	case err := <-errs:
		if notFound(err) {
			return nil
		}
		return fmt.Errorf("waiting until a helper is removed: %w", known(err, nil))
	}
}

// do has a helper do a task with the given streams, and returns what it reported. in nil: it has no input. It returns
// ErrUnsafeMount when the helper has refused.
func (e *Engine) do(ctx context.Context, t task, in io.Reader, out io.Writer) (report volumetar.Report, err error) {
	t.reads = in == nil
	id, err := e.createHelper(ctx, t)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, e.removeHelper(ctx, id)) }()
	run := helperRun{engine: e, id: id, in: in, out: out}
	report, err = run.all(ctx)
	if err == nil && report.Refused != "" {
		err = fmt.Errorf("%s: %w %s", t.path, snapshot.ErrUnsafeMount, report.Refused)
	}
	return report, err
}

// move has a helper read or fill a mount.
func (e *Engine) move(ctx context.Context, name, act string, m snapshot.Mount, in io.Reader, out io.Writer) (volumetar.Report, error) {
	place, err := e.meant(ctx, m)
	if err != nil {
		return volumetar.Report{}, err
	}
	t := task{name: name, args: []string{act}, path: m.Path, mount: mount.Mount{
		Type: mount.Type(m.Type), Source: m.Source, Target: volumetar.Mount, ReadOnly: in == nil,
	}}
	if place != nil {
		t.args = append(t.args, place.String())
	}
	if m.Type == "volume" {
		t.mount.VolumeOptions = &mount.VolumeOptions{NoCopy: true}
	}
	return e.do(ctx, t, in, out)
}

// helperRun is one helper at work.
type helperRun struct {
	engine *Engine
	id     string
	in     io.Reader
	out    io.Writer
	words  limited // what it wrote to stderr
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
	if err := r.engine.cli.ContainerStart(ctx, r.id, container.StartOptions{}); err != nil {
		if strings.Contains(err.Error(), "not a directory") { // a single file can't be mounted where the helper wants a folder
			err = errors.Join(snapshot.ErrNoFolder, err)
		}
		return volumetar.Report{}, fmt.Errorf("starting a helper: %w", known(err, snapshot.ErrGone))
	}
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
			return report, fmt.Errorf("the helper did not report: %s", r.words.line())
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
