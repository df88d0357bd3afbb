package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot/restore"
)

func TestWhatTakesLongSaysForHowLong(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]string{
		9 * time.Second:  "",
		25 * time.Second: "  keeping api … 10s\n  keeping api … 20s\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			tellMeanwhile(&out, 10*time.Second, "keeping api", func() { time.Sleep(took) })
			if out.String() != want {
				t.Errorf("after %s: %q, want %q", took, out.String(), want)
			}
		})
	}
}

func TestAPhaseThatTakesLongSaysForHowLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := &phasePrinter{out: &out}
		for range 125 { // 25 s
			p.print(wire.Restore{State: restore.Swapping})
			time.Sleep(pollEvery)
		}
		p.print(wire.Restore{State: restore.Verified})
		if want := "  swapping …\n  swapping … 10s\n  swapping … 20s\n"; out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	})
}
