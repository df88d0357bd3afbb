package snapshot

import "context"

// InTime does something for as long as ctx. What does not end with it is left behind, and its result with it: engines are asked through
// clients that may have a call wait for others, whatever its limit. It has to end by itself some time.
func InTime[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r.value, r.err
	default:
		var none T
		return none, context.Cause(ctx)
	}
}
