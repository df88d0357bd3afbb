package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// startProgram runs serve as a process of its own, with vars, and with nothing else of this process's environment but what
// finds files and the engine. It returns when ready answers 200. stop ends it as a service manager would, and kills it when
// its ctx ends first.
func startProgram(ctx context.Context, path string, vars map[string]string, ready string, stderr io.Writer) (stop func(context.Context) error, err error) {
	cmd := exec.Command(path, "serve")
	cmd.Env = environment(vars)
	cmd.Stderr = &warnings{to: stderr}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true} // Ctrl-C is this process's to pass on
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	ended := make(chan error, 1) // one value, when the process has ended
	go func() { ended <- cmd.Wait() }()
	stop = func(ctx context.Context) error { return endProcess(ctx, cmd.Process, ended) }
	if err := awaitReady(ctx, ready, ended); err != nil {
		kill, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer done()
		return nil, errors.Join(err, stop(kill))
	}
	return stop, nil
}

// environment is vars, and what a program needs to find its files and the engine.
func environment(vars map[string]string) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ", "DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION", "DOCKER_CONTEXT", "DOCKER_CONFIG", "SSH_AUTH_SOCK"} {
		if strings.HasPrefix(name, "DOCKER_") && vars["DOCKER_HOST"] != "" {
			continue // they are of another engine
		}
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for name, value := range vars {
		env = append(env, name+"="+value)
	}
	return env
}

// awaitReady asks until the answer is 200, the process has ended, or ctx ends.
func awaitReady(ctx context.Context, url string, ended chan error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx, url) {
		select {
		case err := <-ended:
			ended <- err // for whoever stops it
			return fmt.Errorf("it ended before it was ready: %w", orExited(err))
		case <-ctx.Done():
			return fmt.Errorf("it was not ready in time: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
	return nil
}

func ready(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// endProcess asks the process to end, and kills it when ctx ends first.
func endProcess(ctx context.Context, p *os.Process, ended chan error) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending snapback: %w", err)
	}
	select {
	case err := <-ended:
		ended <- err // stop can be called twice
		return err
	case <-ctx.Done():
		_ = p.Kill()
		<-ended
		return fmt.Errorf("ending snapback: %w", context.Cause(ctx))
	}
}

func orExited(err error) error {
	if err == nil {
		return errors.New("exit code 0")
	}
	return err
}
