package terminal

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// everything is what a viewer is shown from a place on, and from which byte of it.
func everything(f *feed, at *cursor) (shown []byte, first int64) {
	first = -1
	for {
		b, _ := f.after(*at)
		*at = b.next
		if len(b.frame) == 0 {
			return shown, first
		}
		if first < 0 {
			first = int64(binary.BigEndian.Uint64(b.frame))
		}
		shown = append(shown, b.frame[8:]...)
	}
}

func TestAViewerThatKeepsUpMissesNothing(t *testing.T) {
	t.Parallel()
	f, noise := newFeed(status{}), rand.NewChaCha8([32]byte{})
	var at cursor
	var all, shown []byte
	for size := range 60 {
		p := make([]byte, size*size*74) // up to half of what is held
		_, _ = noise.Read(p)
		f.addOutput(p)
		all = append(all, p...)
		more, _ := everything(f, &at)
		shown = append(shown, more...)
	}
	if len(all) < 4*feedOutput || !bytes.Equal(all, shown) || f.written() != int64(len(all)) {
		t.Errorf("of %d bytes %d were shown, or others", len(all), len(shown))
	}
}

// A shell's flood must not throw anybody out, who could not even end it then.
func TestAViewerThatIsOvertakenGoesOnFurtherOn(t *testing.T) {
	t.Parallel()
	f, noise := newFeed(status{}), rand.NewChaCha8([32]byte{})
	var at cursor
	all := make([]byte, 3*feedOutput+12345)
	_, _ = noise.Read(all)
	f.addOutput(all[:100])
	everything(f, &at)
	f.addOutput(all[100:])
	shown, first := everything(f, &at)
	if first != int64(len(all)-replayed) || !bytes.Equal(shown, all[first:]) {
		t.Errorf("%d bytes from %d on were shown of %d", len(shown), first, len(all))
	}
}

// TestAFloodThatIsOverCostsLittle shrinks what is held in the middle of a ring, and goes on.
func TestAFloodThatIsOverCostsLittle(t *testing.T) {
	t.Parallel()
	f, noise, now := newFeed(status{}), rand.NewChaCha8([32]byte{}), time.Now()
	var all []byte
	more := func(n int) {
		p := make([]byte, n)
		_, _ = noise.Read(p)
		f.addOutput(p)
		all = append(all, p...)
	}
	for range 3 { // shrunk, filled and wrapped again
		more(2*feedOutput + 12345)
		f.rest(now)
		f.rest(now.Add(idleOutput - time.Second))
		if held := cap(f.output.held); held < feedOutput {
			t.Fatalf("%d bytes are held while somebody may still read them", held)
		}
		now = now.Add(idleOutput)
		f.rest(now)
		if held := cap(f.output.held); held > replayed {
			t.Fatalf("%d bytes are held of a flood that is over", held)
		}
		var at cursor
		if shown, first := everything(f, &at); first != int64(len(all)-replayed) || !bytes.Equal(shown, all[first:]) {
			t.Fatalf("%d bytes from %d on are shown of %d", len(shown), first, len(all))
		}
		before := len(all)
		more(feedOutput / 3)
		if shown, _ := everything(f, &at); !bytes.Equal(shown, all[before:]) {
			t.Fatalf("%d bytes came, and others or as many others were shown: %d", len(all)-before, len(shown))
		}
	}
}

// Each page has to tell what was asked before the keyboard changed hands from what was asked after that.
func TestNoFrameReachesOverADivision(t *testing.T) {
	t.Parallel()
	f := newFeed(status{})
	f.addOutput([]byte("before"))
	f.divide()
	f.addOutput([]byte("after"))
	var at cursor
	for _, want := range []string{"before", "after"} {
		b, _ := f.after(at)
		if at = b.next; string(b.frame[8:]) != want {
			t.Errorf("the frame has %q, want %q", b.frame[8:], want)
		}
	}
}
