package volumetar

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// A helper may work for minutes without a byte that whoever waits for it can see: while it removes a million files, or has
// a slow disk write down what was put into a folder. So it gives a sign of life, a line break on stderr, for as long as it
// gets on. One that does not get on gives none, and is taken for stuck.
const (
	beat = 3 * time.Second
	// syncFor is how long the kernel may take to have it all on the disk. It does not tell how far it is.
	syncFor = time.Hour
)

// progress counts what is done. The zero value counts.
type progress struct {
	done     atomic.Int64
	patience atomic.Int64 // for how many beats more a wait counts as work that can't be counted
}

func (p *progress) step() { p.done.Add(1) }

// during lets a wait that the kernel tells nothing of count as work, up to a limit.
func (p *progress) during(limit time.Duration, wait func() error) error {
	p.patience.Store(int64(limit / beat))
	defer p.patience.Store(0)
	return wait()
}

// show writes the signs of life until stop is called.
func (p *progress) show(to io.Writer) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for last := int64(0); ; {
			select {
			case <-tick.C:
			case <-done:
				return
			}
			now := p.done.Load()
			if now != last || p.patience.Add(-1) >= 0 {
				_, _ = io.WriteString(to, "\n") // nobody may be there to read it
			}
			last = now
		}
	})
	return func() { close(done); wg.Wait() }
}
