package demo_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// programs builds what is tried here, the demo and the program that it shows, side by side, as make demo does.
func programs(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", dir, "../../cmd/snapback", "../../cmd/snapback-demo")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return dir
}

// scratch is a folder for temporary files through which other users may pass, as the private PostgreSQL has to.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "snapback-test-")
	if err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var label = regexp.MustCompile(`labelled (snapback\.demo=\S+)`)

// nothingOf fails for what a demo with this output has left, also in the folder for temporary files.
func nothingOf(t *testing.T, cli *client.Client, output, tmp string) {
	t.Helper()
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left in its folder: %v, %v", left, err)
	}
	found := label.FindStringSubmatch(output)
	if found == nil {
		t.Fatalf("no label in %s", output)
	}
	ours := filters.NewArgs(filters.Arg("label", found[1]))
	containers, err := cli.ContainerList(t.Context(), container.ListOptions{All: true, Filters: ours})
	if err != nil || len(containers) > 0 {
		t.Errorf("left: %v, %v", containers, err)
	}
	images, err := cli.ImageList(t.Context(), image.ListOptions{Filters: ours})
	if err != nil || len(images) > 0 {
		t.Errorf("left: %v, %v", images, err)
	}
}

func engineClient(t *testing.T) *client.Client {
	t.Helper()
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Close() })
	return cli
}

// play runs the demo as make demo does, and returns what it has printed.
func play(t *testing.T, tmp string, args ...string) (string, error) {
	t.Helper()
	return perform(t, exec.Command(filepath.Join(programs(t), "snapback-demo"), args...), tmp)
}

// perform runs a demo's command with what has it play itself.
func perform(t *testing.T, what *exec.Cmd, tmp string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, what.Path, append(what.Args[1:], "--auto", "--page", "127.0.0.1:0")...)
	cmd.Env = append(what.Environ(), "TMPDIR="+tmp)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it tidies up
	cmd.WaitDelay = 2 * time.Minute
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// playedThrough fails for what a night's output lacks.
func playedThrough(t *testing.T, out string) {
	t.Helper()
	for _, want := range []string{"Restore pre-deploy-", "# Post-mortem: High error rate on shop", "tap → restored and verified", "No errors for 5 seconds", "In the channel: ✅ Flat since ",
		"The pipeline asks before it deploys shop 1.42 again, and stops: ", "In the channel: ⛔ shop 1.42 is back: the deploy that was rolled back at "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

// The two runs below use the fixed image names of a demo, so they take turns.
func TestTheNightPlaysItselfAndLeavesNothing(t *testing.T) {
	cli, tmp := engineClient(t), scratch(t)
	out, err := play(t, tmp)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	playedThrough(t, out)
	nothingOf(t, cli, out, tmp)
}

func TestAProductThatDoesNotStartFailsTheDemoAndLeavesNothing(t *testing.T) {
	cli, tmp := engineClient(t), scratch(t)
	broken := filepath.Join(t.TempDir(), "snapback")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho no database >&2\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := play(t, tmp, "--snapback", broken)
	if err == nil || !strings.Contains(out, "no database") || !strings.Contains(out, "exit status 3") {
		t.Errorf("it ended with %v and said:\n%s", err, out)
	}
	nothingOf(t, cli, out, tmp)
}
