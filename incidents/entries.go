package incidents

import (
	"slices"
	"time"
)

// Entries are a timeline that can be read as often as need be, each time the same, without all of it being in memory.
// Both methods end with the first error that each returns, and return it.
type Entries interface {
	// InOrder reads as the chain is.
	InOrder(each func(Entry) error) error
	// AsItHappened reads for people, who read a night from its beginning: the deploy stands before the alert, although it
	// was only looked for after it, and an event that came late stands where it belongs. Of what happened within one
	// second, the chain's order holds.
	AsItHappened(each func(Entry) error) error
}

// List is Entries that are in memory, in the chain's order.
type List []Entry

// InOrder implements Entries.
func (l List) InOrder(each func(Entry) error) error {
	for _, e := range l {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// AsItHappened implements Entries.
func (l List) AsItHappened(each func(Entry) error) error {
	sorted := slices.Clone(l)
	slices.SortStableFunc(sorted, func(a, b Entry) int {
		return a.OccurredAt.Truncate(time.Second).Compare(b.OccurredAt.Truncate(time.Second))
	})
	return sorted.InOrder(each)
}
