package terminal_test

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/snapback/snapback/internal/browsertest"
)

type spot struct{ x, y float64 }

// fingers says where all of them are now; none lifts them.
func (p *phone) fingers(kind input.DispatchTouchEventType, at ...spot) {
	p.t.Helper()
	var points []*input.TouchPoint
	for i, s := range at {
		id := float64(i)
		points = append(points, &input.TouchPoint{X: s.x, Y: s.y, ID: &id})
	}
	p.touches(kind, points...)
}

func TestAFingerMarksAndCopies(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.typeIn("stty size; printf 'alpha beta gamma\\ndelta epsilon\\n'\n")
	p.wait("lines are there", ".xterm-rows", "delta epsilon")
	p.do(chromedp.Evaluate[chromedp.Void](`window.cols = Number(/^\d+ (\d+)$/m.exec([...document.querySelectorAll('.xterm-rows > div')].map(r => r.innerText.trim()).join('\n'))[1]); navigator.clipboard.writeText = async t => { window.copied = t; }; 0`))
	from := ask(p, chromedp.Evaluate[[]float64](`(r => [r.x, r.y, r.height, r.width / cols])([...document.querySelectorAll('.xterm-rows > div')].find(r => r.innerText.trim() === 'alpha beta gamma').getBoundingClientRect())`))
	beta := spot{from[0] + 7*from[3], from[1] + from[2]/2}
	p.fingers(input.DispatchTouchEventTypeTouchStart, beta)
	p.yes("a finger that rests marks a word", `!document.querySelector('.mark-bar').hidden`)
	p.fingers(input.DispatchTouchEventTypeTouchEnd)
	p.picture("70-marked")
	p.wantAccessible("marked")
	p.tap(`.mark-bar [aria-label="Copy"]`)
	p.yes("it is copied", `window.copied === 'beta' && document.querySelector('.mark-bar').hidden`)
	p.fingers(input.DispatchTouchEventTypeTouchStart, beta)
	p.yes("it is marked again", `!document.querySelector('.mark-bar').hidden`)
	p.fingers(input.DispatchTouchEventTypeTouchEnd)
	knob := ask(p, chromedp.Evaluate[[]float64](`(r => [r.x + 10, r.y + 10])(document.querySelector('.mark-end.to').getBoundingClientRect())`))
	p.fingers(input.DispatchTouchEventTypeTouchStart, spot{knob[0], knob[1]})
	p.fingers(input.DispatchTouchEventTypeTouchMove, spot{from[0] + 2.5*from[3], from[1] + 1.5*from[2] + 22})
	p.fingers(input.DispatchTouchEventTypeTouchMove, spot{from[0] + 4.5*from[3], from[1] + 1.5*from[2] + 22})
	p.fingers(input.DispatchTouchEventTypeTouchEnd)
	p.picture("71-stretched")
	p.tap(`.mark-bar [aria-label="Copy"]`)
	p.yes("the handle has moved its end", `window.copied === 'beta gamma\ndelta'`)
	p.fingers(input.DispatchTouchEventTypeTouchStart, beta)
	p.yes("it is marked once more", `!document.querySelector('.mark-bar').hidden`)
	p.fingers(input.DispatchTouchEventTypeTouchEnd)
	p.do(browsertest.Tap(beta.x+150, beta.y+200))
	p.yes("a tap elsewhere ends it", `document.querySelector('.mark-bar').hidden && document.querySelector('.mark-end').hidden`)
	p.wantQuiet()
}

func TestTwoFingersChangeTheSizeAndOneFlings(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.typeIn("seq 1 2000\n")
	p.wait("lines are there", ".xterm-rows", "2000")
	size := `parseFloat(getComputedStyle(document.querySelector('.xterm-rows')).fontSize)`
	before := ask(p, chromedp.Evaluate[float64](size))
	p.fingers(input.DispatchTouchEventTypeTouchStart, spot{150, 300}, spot{250, 300})
	for _, d := range []float64{10, 20, 30, 40} {
		p.fingers(input.DispatchTouchEventTypeTouchMove, spot{150 - d, 300}, spot{250 + d, 300})
	}
	p.fingers(input.DispatchTouchEventTypeTouchEnd)
	within(t, time.Minute, "the text is larger", func() bool { return ask(p, chromedp.Evaluate[float64](size)) > before })
	p.yes("it is there still", `document.querySelector('.xterm-rows').innerText.includes('2000')`)
	first := `Number(document.querySelector('.xterm-rows > div').innerText)`
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#term').addEventListener('touchend', () => lifted = ` + first + `, true); 0`))
	within(t, time.Minute, "the finger scrolls, and the lines swing on", func() bool { // unless a busy machine has it rest on its way
		p.do(chromedp.Evaluate[chromedp.Void](`window.lifted = 0`))
		p.fingers(input.DispatchTouchEventTypeTouchStart, spot{200, 200})
		for y := 220.0; y <= 500; y += 40 {
			p.fingers(input.DispatchTouchEventTypeTouchMove, spot{200, y})
		}
		p.fingers(input.DispatchTouchEventTypeTouchEnd)
		swings := false
		for until := time.Now().Add(2 * time.Second); !swings && time.Now().Before(until); {
			swings = ask(p, chromedp.Evaluate[bool](`lifted > 0 && lifted < 1990 && `+first+` > 0 && `+first+` < lifted - 3`))
		}
		return swings
	})
	p.wantQuiet()
}

// TestAFingerMovesTheCursorInAFullScreenProgram has vi, which wants the other form of the cursor keys.
func TestAFingerMovesTheCursorInAFullScreenProgram(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.typeIn("seq 1 100 >/f; vi /f\n")
	p.wait("vi is there", ".xterm-rows", "/f")
	p.forgetTyped()
	within(t, time.Minute, "it moves down", func() bool { // unless a busy machine has it rest on its way
		p.finger(500, 480, 440, 400, 360)
		return ask(p, chromedp.Evaluate[bool](`typed.length > 0`))
	})
	p.yes("and does nothing else", `typed.every(t => /^(\x1b[[O]B)+$/.test(t))`)
	p.typeIn("x")
	p.typeIn(":wq\n")
	p.yes("what is typed after it is sent", `typed.join('').includes('x:wq\r')`)
	p.wantQuiet()
}
