package terminal

// ring holds the newest feedOutput bytes of what was written to it. Bytes count from the first that ever was.
type ring struct {
	held []byte // byte n is at n - base modulo feedOutput
	base int64
	next int64 // the byte that comes next
}

// shrink keeps what somebody who comes is shown, and no more: a flood that is over must not cost memory for as long as its session lasts.
func (r *ring) shrink() {
	if len(r.held) <= replayed {
		return
	}
	from := r.start()
	small := make([]byte, 0, replayed)
	for at := from; at < r.next; {
		p := r.from(at, replayed)
		small = append(small, p...)
		at += int64(len(p))
	}
	r.held, r.base = small, from
}

// first is the oldest byte that is held.
func (r *ring) first() int64 { return r.next - int64(len(r.held)) }

// start is where to begin for who has none or has lost it: far from the oldest, so that a flood does not overtake it at once.
func (r *ring) start() int64 { return max(r.first(), r.next-replayed) }

func (r *ring) add(p []byte) {
	n := min(len(p), feedOutput-len(r.held))
	r.held = append(r.held, p[:n]...)
	r.next += int64(n)
	for p = p[n:]; len(p) > 0; p = p[n:] {
		n = copy(r.held[(r.next-r.base)%feedOutput:], p)
		r.next += int64(n)
	}
}

// from is what begins at a byte that is held, at most so much. It ends at the buffer's end as well, and is valid until the next add.
func (r *ring) from(at int64, most int) []byte {
	rest := r.held[(at-r.base)%feedOutput:]
	return rest[:min(int64(len(rest)), r.next-at, int64(most))]
}
