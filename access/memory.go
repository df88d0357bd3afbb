package access

import (
	"context"
	"sync"
	"time"
)

// rememberedFor is how long an answer about people is good for: an account, a user group's members, who is on call.
const rememberedFor = time.Minute

// memory asks, and remembers the answers.
type memory[T any] struct {
	ask  func(ctx context.Context, id string) (T, error)
	now  func() time.Time
	fail time.Duration // how long nobody is asked again who has not answered

	mu    sync.Mutex // guards known
	known map[string]remembered[T]
}

type remembered[T any] struct {
	what T
	err  error
	at   time.Time
}

// good says whether it need not be asked again.
func (r remembered[T]) good(now time.Time, fail time.Duration) bool {
	if r.err != nil {
		return now.Sub(r.at) < fail
	}
	return now.Sub(r.at) < rememberedFor
}

func newMemory[T any](now func() time.Time, ask func(context.Context, string) (T, error)) *memory[T] {
	return &memory[T]{ask: ask, now: now, known: map[string]remembered[T]{}}
}

func (m *memory[T]) of(ctx context.Context, id string) (T, error) {
	m.mu.Lock()
	have, ok := m.known[id]
	m.mu.Unlock()
	if ok && have.good(m.now(), m.fail) {
		return have.what, have.err
	}
	what, err := m.ask(ctx, id)
	if err != nil && (m.fail == 0 || ctx.Err() != nil) { // whoever asked may have had less patience than the next one
		return what, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[id] = remembered[T]{what, err, m.now()}
	return what, err
}
