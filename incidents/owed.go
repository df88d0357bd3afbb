package incidents

import (
	"context"
	"sync"
)

// Owed are entries that a timeline could not be told of yet, oldest first. The zero value has none; its methods may be called from several
// goroutines.
type Owed struct {
	telling sync.Mutex // held by whoever tells; taken before mu
	mu      sync.Mutex // guards entries
	entries []Entry
}

// Keep has an entry told later, unless as many as most wait already; it says whether it will be.
func (o *Owed) Keep(e Entry, most int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.entries) >= most {
		return false
	}
	o.entries = append(o.entries, e)
	return true
}

// Tell has record put the entries onto the timeline, in their order, until one fails: that one and those after it are still owed. An entry
// may be recorded twice, where the first time was only thought to have failed: record has to be RecordOnce, or the like.
func (o *Owed) Tell(ctx context.Context, record func(context.Context, Entry) (Entry, error)) error {
	o.telling.Lock()
	defer o.telling.Unlock()
	for {
		e, ok := o.first()
		if !ok {
			return nil
		}
		if _, err := record(ctx, e); err != nil {
			return err
		}
		o.mu.Lock()
		o.entries = o.entries[1:]
		o.mu.Unlock()
	}
}

func (o *Owed) first() (Entry, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.entries) == 0 {
		return Entry{}, false
	}
	return o.entries[0], true
}
