package sealstream_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/sealstream"
	"github.com/snapback/snapback/internal/testkit"
)

const (
	chunk  = 64 << 10
	sealed = chunk + 16
	header = 8 + 1 + 1 + 32 // with a key whose ID has one letter
)

const keyA, keyB = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "b:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

func seal(t testing.TB, r *keyring.Ring, about string, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := sealstream.NewWriter(&out, r, "test", about)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, iotest.OneByteReader(bytes.NewReader(text[:min(len(text), 100)]))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text[min(len(text), 100):]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func open(r *keyring.Ring, about string, sealed []byte) ([]byte, error) {
	in, err := sealstream.NewReader(bytes.NewReader(sealed), r, "test", about)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(in)
}

func text(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func TestWhatIsSealedComesBack(t *testing.T) {
	t.Parallel()
	r := testkit.RingOf(t, keyA)
	for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3*chunk + 17} {
		want := text(n)
		got, err := open(r, "x", seal(t, r, "x", want))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d, %v", n, len(got), err)
		}
	}
}

func TestKeysCanBeRotated(t *testing.T) {
	t.Parallel()
	want := text(1000)
	old := seal(t, testkit.RingOf(t, keyA), "x", want)
	got, err := open(testkit.RingOf(t, keyB+","+keyA), "x", old)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("with the old key behind a new one: %v", err)
	}
	if _, err := open(testkit.RingOf(t, keyB), "x", old); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("without the old key: %v", err)
	}
}

func TestEveryChangeIsRefused(t *testing.T) {
	t.Parallel()
	r := testkit.RingOf(t, keyA)
	whole := seal(t, r, "x", text(3*chunk+5))
	part := func(i int) []byte { return whole[header+i*sealed : min(header+(i+1)*sealed, len(whole))] }
	join := func(parts ...[]byte) []byte { return bytes.Join(append([][]byte{whole[:header]}, parts...), nil) }
	other := seal(t, r, "x", text(3*chunk+5))
	for name, bad := range map[string][]byte{
		"empty":                    {},
		"header cut off":           whole[:header-1],
		"only the header":          whole[:header],
		"cut off within a chunk":   whole[:header+sealed+10],
		"cut off between chunks":   whole[:header+2*sealed],
		"last chunk missing":       whole[:header+3*sealed],
		"last byte missing":        whole[:len(whole)-1],
		"chunks in another order":  join(part(1), part(0), part(2), part(3)),
		"chunk missing":            join(part(0), part(2), part(3)),
		"chunk twice":              join(part(0), part(0), part(1), part(2), part(3)),
		"only the last chunk":      join(part(3)),
		"something behind the end": append(bytes.Clone(whole), 0),
		"last chunk twice":         join(part(0), part(1), part(2), part(3), part(3)),
		"chunk of another stream":  join(part(0), other[header+sealed:header+2*sealed], part(2), part(3)),
		"header of another stream": append(bytes.Clone(other[:header]), whole[header:]...),
	} {
		if _, err := open(r, "x", bad); !errors.Is(err, sealstream.ErrTampered) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := open(r, "y", whole); !errors.Is(err, sealstream.ErrTampered) {
		t.Errorf("about something else: got %v", err)
	}
}

func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	r := testkit.RingOf(t, keyA)
	whole := seal(t, r, "x", text(200))
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 1 << (i % 8)
		if _, err := open(r, "x", bad); err == nil {
			t.Errorf("a bit of byte %d was changed, and nobody noticed", i)
		}
	}
}

func TestDiskErrorIsNoTampering(t *testing.T) {
	t.Parallel()
	r := testkit.RingOf(t, keyA)
	whole := seal(t, r, "x", text(2*chunk))
	broken := errors.New("input/output error")
	in, err := sealstream.NewReader(io.MultiReader(bytes.NewReader(whole[:header+10]), iotest.ErrReader(broken)), r, "test", "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(in); !errors.Is(err, broken) || errors.Is(err, sealstream.ErrTampered) {
		t.Errorf("got %v", err)
	}
}

func FuzzReader(f *testing.F) {
	r := testkit.RingOf(f, keyA)
	f.Add(seal(f, r, "x", []byte("text")))
	f.Fuzz(func(t *testing.T, bad []byte) {
		if got, err := open(r, "x", bad); err == nil && string(got) != "text" {
			t.Errorf("read %q", got)
		}
	})
}
