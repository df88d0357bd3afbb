package keyring_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/snapback/snapback/internal/keyring"
)

const (
	keyA = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	keyB = "b:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
)

func parse(t *testing.T, text string) *keyring.Ring {
	t.Helper()
	r, err := keyring.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRotationKeepsOldSignaturesAndSeals(t *testing.T) {
	t.Parallel()
	old := parse(t, keyA)
	kid, mac := old.Sign("link", []byte("hello"))
	sealed, err := old.Seal("inspect", "api", []byte("env"))
	if err != nil {
		t.Fatal(err)
	}
	both := parse(t, keyB+","+keyA)
	if !both.Verify("link", kid, []byte("hello"), mac) {
		t.Error("the old key's signature does not hold any more")
	}
	if text, err := both.Open("inspect", "api", sealed); err != nil || string(text) != "env" {
		t.Errorf("opening an old seal: %q, %v", text, err)
	}
	if newKid, _ := both.Sign("link", nil); newKid != "b" {
		t.Errorf("the first key signs: got %q", newKid)
	}
	gone := parse(t, keyB)
	if gone.Verify("link", kid, []byte("hello"), mac) {
		t.Error("a removed key still verifies")
	}
	if _, err := gone.Open("inspect", "api", sealed); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("a removed key still opens: %v", err)
	}
}

func TestPurposeAndSubjectAreBound(t *testing.T) {
	t.Parallel()
	r := parse(t, keyA)
	kid, mac := r.Sign("link", []byte("hello"))
	if r.Verify("cookie", kid, []byte("hello"), mac) {
		t.Error("a signature for one purpose serves for another")
	}
	sealed, _ := r.Seal("inspect", "api", []byte("env"))
	for _, try := range [][2]string{{"inspect", "db"}, {"volume", "api"}} {
		if _, err := r.Open(try[0], try[1], sealed); !errors.Is(err, keyring.ErrTampered) {
			t.Errorf("opened for %v: %v", try, err)
		}
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := r.Open("inspect", "api", sealed); !errors.Is(err, keyring.ErrTampered) {
		t.Errorf("opened a changed seal: %v", err)
	}
	for _, short := range [][]byte{nil, {0}, {9, 'a'}, {1, 'a'}} {
		if _, err := r.Open("inspect", "api", short); err == nil {
			t.Errorf("opened %v", short)
		}
	}
}

func TestMalformedKeysAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a", "a:", "a:short", ":" + keyA[2:], "a b:" + keyA[2:], keyA + "," + keyA, "a:!!!"} {
		if _, err := keyring.Parse(text); !errors.Is(err, keyring.ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAKeyFileThatOthersMayReadIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := keyring.Load(path); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]error{0o600: nil, 0o400: nil, 0o640: keyring.ErrExposed, 0o604: keyring.ErrExposed, 0o644: keyring.ErrExposed} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := keyring.Load(path)
		if !errors.Is(err, want) || err != nil && !strings.HasSuffix(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestTwoThatStartAtOnceUseTheSameKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	var wg sync.WaitGroup
	kids := make([]string, 8)
	for i := range kids {
		wg.Go(func() {
			r, err := keyring.Load(path)
			if err != nil {
				t.Error(err)
				return
			}
			kids[i], _ = r.Sign("x", nil)
		})
	}
	wg.Wait()
	if strings.Count(strings.Join(kids, ","), kids[0]) != len(kids) {
		t.Errorf("keys differ: %v", kids)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
