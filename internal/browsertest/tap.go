package browsertest

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// Tap touches a place, and lifts the finger without waiting until the page has seen it come down: on a busy machine that may take so long
// that a tap is taken for a finger that rests.
func Tap(x, y float64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		touch := func(kind input.DispatchTouchEventType, at ...*input.TouchPoint) error {
			_, err := cdp.Call(ctx, t, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: at})
			return err
		}
		down := make(chan error, 1)
		go func() { down <- touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: x, Y: y}) }() // it is waited for below
		lifted := touch(input.DispatchTouchEventTypeTouchEnd)
		if err := <-down; err != nil || lifted == nil {
			return err
		}
		return touch(input.DispatchTouchEventTypeTouchEnd) // the one before has overtaken the touch
	})
}
