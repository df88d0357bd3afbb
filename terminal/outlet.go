package terminal

import (
	"io"
	"sync"
)

// outletSize is how much a shell may have written before it has to wait for its recording.
const outletSize = feedOutput / 4

// outlet holds what a shell has written and nobody has recorded yet. A recording costs as much for one byte as for many, so that
// what comes while one piece is written makes up the next.
type outlet struct {
	mu   sync.Mutex // guards all below
	some *sync.Cond // something of it has changed
	held []byte
	last []byte // what was taken before, whose memory is for what comes next
	over bool
}

func newOutlet(first []byte) *outlet {
	o := &outlet{held: first}
	o.some = sync.NewCond(&o.mu)
	return o
}

// fill reads until there is no more to read, or nobody takes it any more.
func (o *outlet) fill(r io.Reader) {
	defer o.end()
	chunk := make([]byte, batchOutput)
	for {
		n, err := r.Read(chunk)
		if n == 0 && err != nil || !o.put(chunk[:n]) {
			return
		}
	}
}

// put waits for room, and says whether anybody still takes what it has.
func (o *outlet) put(p []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.held)+len(p) > outletSize && !o.over {
		o.some.Wait()
	}
	o.held = append(o.held, p...)
	o.some.Broadcast()
	return !o.over
}

// take waits for something, and returns all there is; nothing when that was all. It is good until the next take.
func (o *outlet) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.held) == 0 && !o.over {
		o.held, o.last = nil, nil // an idle shell keeps no memory of its busy times
		o.some.Wait()
	}
	p := o.held
	o.held, o.last = o.last[:0], p
	o.some.Broadcast()
	return p
}

func (o *outlet) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	o.some.Broadcast()
}
