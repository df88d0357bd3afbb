package demo_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/snapback/snapback/internal/demo"
)

// shopProgram is the shop as a static program.
func shopProgram(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "shop")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", exe, "./engine/testdata/shop")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the shop: %v\n%s", err, out)
	}
	return exe
}

var label = regexp.MustCompile(`labelled (snapback\.demo=\S+)`)

// nothingOf fails for what a demo with this output has left.
func nothingOf(t *testing.T, cli *client.Client, output string, env map[string]string) {
	t.Helper()
	if _, err := os.Stat(env["SNAPBACK_DATA_DIR"]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data folder is still there: %v", err)
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

// The two runs below use the fixed image names of a demo, so they take turns.
func TestTheNightPlaysItselfAndLeavesNothing(t *testing.T) {
	cli := engineClient(t)
	u := &understudy{docker: cli}
	var out syncBuffer
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	err := demo.Run(ctx, demo.Options{
		Auto: true, Addr: "127.0.0.1:0", Snapback: u.start, Stdout: &out, Executable: shopProgram(t), ShopArgs: []string{},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	t.Log(out.String())
	for _, want := range []string{"Restore pre-deploy-2255", "# High error rate on shop", "tap → restored and verified", "No errors for 5 seconds"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	if !u.stopped {
		t.Error("the product was not stopped")
	}
	nothingOf(t, cli, out.String(), u.env)
}

func TestAProductThatDoesNotStartFailsTheDemoAndLeavesNothing(t *testing.T) {
	cli := engineClient(t)
	var env map[string]string
	var out syncBuffer
	broken := errors.New("no database")
	err := demo.Run(t.Context(), demo.Options{
		Auto: true, Addr: "127.0.0.1:0", Stdout: &out, Executable: shopProgram(t), ShopArgs: []string{},
		Snapback: func(_ context.Context, given map[string]string) (func(context.Context) error, string, error) {
			env = given
			return nil, "", broken
		},
	})
	if !errors.Is(err, broken) {
		t.Errorf("it ended with %v", err)
	}
	nothingOf(t, cli, out.String(), env)
}

// syncBuffer is written by a demo's goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
