package volumetar

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSignsOfLifeComeWhileItGetsOnAndEndWhenItDoesNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p progress
		var out strings.Builder
		stop := p.show(&out)
		signs := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if got := out.Len(); got != want {
				t.Errorf("%s: %d signs, want %d", what, got, want)
			}
			out.Reset()
		}
		time.Sleep(10 * beat)
		signs("while nothing is done", 0)
		for range 5 {
			p.step()
			time.Sleep(beat)
			synctest.Wait()
		}
		signs("while it gets on", 5)
		_ = p.during(4*beat, func() error { time.Sleep(100 * beat); return nil })
		signs("while it waits for the kernel for too long", 4)
		time.Sleep(10 * beat)
		signs("after the wait", 0)
		stop()
	})
}

func TestEmptyingRemovesAllAndCountsIt(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	made := 0
	for _, err := range []error{os.WriteFile(outside, nil, 0o600), os.Symlink(filepath.Dir(outside), filepath.Join(root, "link"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	made++
	for _, folder := range []string{"many", "deep" + strings.Repeat("/d", 200)} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		made += 1 + strings.Count(folder, "/")
	}
	for i := range 3000 {
		if err := os.WriteFile(filepath.Join(root, "many", fmt.Sprint(i)), nil, 0o400); err != nil {
			t.Fatal(err)
		}
		made++
	}
	var p progress
	if err := empty(root, &p); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 || p.done.Load() != int64(made) {
		t.Errorf("%d left, %v; counted %d of %d", len(left), err, p.done.Load(), made)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("it followed a link: %v", err)
	}
}
