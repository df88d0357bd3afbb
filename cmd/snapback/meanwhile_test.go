package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
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
