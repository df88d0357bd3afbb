package capture

import (
	"sync"

	"github.com/snapback/snapback/snapshot"
)

// Meter tells how far something is with the contents of one container's volumes, while it goes on. Its zero value is ready.
type Meter struct {
	mu  sync.Mutex
	now *snapshot.Progress // guarded by mu; nil: nothing is moved
}

// Progress is nil while no volume is read or filled.
func (m *Meter) Progress() *snapshot.Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == nil {
		return nil
	}
	now := *m.now
	return &now
}

// at begins with a volume, and with the count.
func (m *Meter) at(p snapshot.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = &p
}

// end says that nothing is moved any more.
func (m *Meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = nil
}

// Write counts. It never fails.
func (m *Meter) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now != nil {
		m.now.Bytes += int64(len(b))
	}
	return len(b), nil
}

// archived is the container whose volumes a Taker archives: there is one slot.
type archived struct {
	mu    sync.Mutex
	key   string // guarded by mu, as meter is; "": there is none
	meter *Meter
}

func (a *archived) begin(key string) *Meter {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.key, a.meter = key, &Meter{}
	return a.meter
}

func (a *archived) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.key, a.meter = "", nil
}

// Archiving is how far this Taker is with archiving the volumes of the container with that key, for a snapshot; nil: it archives none of its,
// or another bot does.
func (t *Taker) Archiving(key string) *snapshot.Progress {
	a := &t.archived
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.meter == nil || a.key != key {
		return nil
	}
	return a.meter.Progress()
}
