package main

import (
	"fmt"
	"io"
	"time"

	"github.com/snapback/snapback/internal/outside"
)

const tellEvery = 10 * time.Second

// tellMeanwhile does something that has one answer, at its end, and says every now and then for how long that has been going on: volumes
// take minutes, and a pipeline ends what is silent.
func tellMeanwhile(out io.Writer, every time.Duration, what string, do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	began, tick := time.Now(), time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			fmt.Fprintf(out, "  %s … %s\n", outside.Line(what), time.Since(began).Round(time.Second))
		}
	}
}
