package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postmaster is a running server process, a child of ours or adopted.
type postmaster struct {
	pid    int
	data   string
	socket string        // the folder of its socket
	exited chan struct{} // closed when our child has ended; nil for an adopted one, which has to be watched
}

// record is what postmaster.pid says, by the line (PostgreSQL's miscadmin.h).
type record struct {
	pid    int
	socket string
}

func readRecord(data string) (record, error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return record{}, err
	}
	lines := strings.Split(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 1 {
		return record{}, nil // being written, or garbage: the server itself judges that
	}
	rec := record{pid: pid}
	if len(lines) > 4 {
		rec.socket = strings.TrimSpace(lines[4])
	}
	return rec, nil
}

// alive tells whether the process is a PostgreSQL server at work in this very folder, and not another
// that came by the number, or a zombie. Its children are in the folder as well, but never in postmaster.pid.
func (p *postmaster) alive() bool {
	proc := fmt.Sprintf("/proc/%d/", p.pid)
	cwd, err := os.Stat(proc + "cwd") // and not what that is called: a unit of systemd, or a container, sees the folder by another name
	if errors.Is(err, fs.ErrPermission) {
		return p.aliveByCommand(proc)
	}
	if err != nil {
		return false
	}
	exe, err := os.Readlink(proc + "exe")
	if err != nil {
		return false
	}
	// An upgrade of the package under a running server leaves "/…/postgres (deleted)".
	name, _, _ := strings.Cut(filepath.Base(exe), " ")
	data, err := os.Stat(p.data)
	return name == "postgres" && err == nil && os.SameFile(cwd, data)
}

// aliveByCommand is alive for who may not look at where another account's process is, such as root in a container without the
// capability SYS_PTRACE. What it was called with is for all to read; the server's children write something else there.
func (p *postmaster) aliveByCommand(proc string) bool {
	text, err := os.ReadFile(proc + "cmdline")
	if err != nil {
		return false
	}
	args := strings.Split(string(text), "\x00")
	at := slices.Index(args, "-D")
	return filepath.Base(args[0]) == "postgres" && at >= 0 && at+1 < len(args) && sameFolder(args[at+1], p.data)
}

func sameFolder(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	two, err := os.Stat(b)
	return err == nil && os.SameFile(one, two)
}

// leftover finds a server that runs on the folder already. A postmaster.pid whose process is
// something else is removed: PostgreSQL would refuse to start if that process is the same account's.
func (f folder) leftover() (*postmaster, error) {
	rec, err := readRecord(f.data())
	if errors.Is(err, fs.ErrNotExist) || rec.pid == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a running server: %w", err)
	}
	found := &postmaster{pid: rec.pid, data: f.data(), socket: rec.socket}
	if found.alive() {
		return found, nil
	}
	if err := discard(filepath.Join(f.data(), "postmaster.pid")); err != nil {
		return nil, err
	}
	return nil, f.dropStaleSocket(rec.socket)
}

// dropStaleSocket removes what a killed server has left: its socket and the lock file beside it, which has
// the number of a process in it as postmaster.pid has, or all of a folder in /tmp.
func (f folder) dropStaleSocket(dir string) error {
	own := f.path("run")
	if dir == own {
		return errors.Join(discard(filepath.Join(own, socketName)), discard(filepath.Join(own, socketName+".lock")))
	}
	if dir == "" || filepath.Dir(dir) != "/tmp" || !strings.HasPrefix(filepath.Base(dir), "snapback-pg-") {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing a stale socket: %w", err)
	}
	return nil
}

// discard removes a file that may be gone already.
func discard(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing what a killed server has left: %w", err)
	}
	return nil
}

// launch starts the server and waits until it takes connections.
func (f folder) launch(ctx context.Context, bin binaries) (*postmaster, error) {
	socket, err := f.socketFolder()
	if err != nil {
		return nil, err
	}
	log, err := openLog(f.log())
	if err != nil {
		return nil, err
	}
	defer log.file.Close()
	p := &postmaster{data: f.data(), socket: socket, exited: make(chan struct{})}
	cmd := exec.Command(bin.path("postgres"), f.arguments(socket)...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = f.acct.environment(), "/", f.acct.attributes()
	// The file itself, and no writer around it: through a pipe the log would end with us.
	cmd.Stdout, cmd.Stderr = log.file, log.file
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting PostgreSQL: %w", err), f.dropSocketFolder(socket))
	}
	p.pid = cmd.Process.Pid
	// Ends with the process. Nobody waits for it but through exited: a server that others use outlives us.
	go func() { defer close(p.exited); _ = cmd.Wait() }()
	if err := p.ready(ctx); err != nil {
		p.stop(ctx, time.Second)
		return nil, errors.Join(fmt.Errorf("starting PostgreSQL: %w", explain(err, log.added())), f.dropSocketFolder(socket))
	}
	return p, nil
}

// gone tells whether the server has ended.
func (p *postmaster) gone() bool {
	if p.exited == nil {
		return !p.alive()
	}
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// wait returns nil when the server has ended.
func (p *postmaster) wait(ctx context.Context) error {
	for !p.gone() {
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// signal goes to the server only while it is the server.
func (p *postmaster) signal(sig syscall.Signal) {
	if !p.gone() {
		// An error means that it ended just now, which the callers wait for anyway.
		_ = syscall.Kill(p.pid, sig)
	}
}

// stop shuts down fast (sessions are ended, what is committed is written out); when ctx ends before that, or after grace,
// at once, which costs a recovery at the next start and no data.
func (p *postmaster) stop(ctx context.Context, grace time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	p.signal(syscall.SIGINT)
	if p.wait(ctx) == nil {
		return
	}
	p.signal(syscall.SIGQUIT)
	last, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	if p.wait(last) != nil {
		p.signal(syscall.SIGKILL)
	}
}
