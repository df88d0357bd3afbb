package terminal

import "testing"

// TestWhatWasTakenStaysUntilTheNextTake although its memory is used again.
func TestWhatWasTakenStaysUntilTheNextTake(t *testing.T) {
	t.Parallel()
	o := newOutlet([]byte("rest"))
	p := o.take()
	for _, next := range []string{"one", "two", "three", "four"} {
		before := string(p)
		o.put([]byte(next))
		if string(p) != before {
			t.Errorf("what was taken has become %q", p)
		}
		if p = o.take(); string(p) != next {
			t.Errorf("%q comes as %q", next, p)
		}
	}
	o.end()
	if p := o.take(); len(p) > 0 {
		t.Errorf("after its end it has %q", p)
	}
}
