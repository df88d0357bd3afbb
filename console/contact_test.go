package console_test

import (
	"fmt"
	"slices"
	"testing"
)

// contact ends what the page hears, and has it hear again.
func (b *browser) contact(is bool) {
	b.t.Helper()
	source, event := "class { addEventListener() {} close() {} }", "offline"
	if is {
		source, event = "heard", "online"
	}
	b.do(evaluate(`window.heard ??= EventSource; window.EventSource = ` + source + `; dispatchEvent(new Event('` + event + `')); 0`))
}

// faint are the buttons whose words are too faint to be read, also those that answer no tap: they say why.
const faint = `(() => {
const parts = c => c.match(/[\d.]+/g).map(Number), ground = e => { const c = parts(getComputedStyle(e).backgroundColor); return c[3] === 0 && e.parentElement ? ground(e.parentElement) : c; };
const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((n, v, i) => n + v * [0.2126, 0.7152, 0.0722][i], 0);
return [...(document.querySelector('dialog[open]') ?? document).querySelectorAll('[aria-disabled]')].filter(e => e.getBoundingClientRect().height > 0)
  .filter(e => { const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05) < 4.5; }).map(e => e.innerText);
})()`

// TestWithoutContactNothingLooksAsIfItCouldBeTapped and what can't be says why, to be read at night as well.
func TestWithoutContactNothingLooksAsIfItCouldBeTapped(t *testing.T) {
	h, id := furnished(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	look := func(name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			b.becomes(sizes[0], scheme)
			b.picture("offline-" + name + "-" + scheme)
			if got := js[[]string](b, faint); len(got) > 0 {
				t.Errorf("%s, %s: can't be read: %q", name, scheme, got)
			}
			if got := js[[]string](b, `[...document.querySelectorAll('[aria-disabled]')].filter(e => getComputedStyle(e).cursor === 'pointer').map(e => e.innerText)`); len(got) > 0 {
				t.Errorf("%s: look as if they could be pressed: %q", name, got)
			}
		}
	}
	b.goes("")
	b.sees("1 incident open", "Restore pre-deploy-2255")
	b.contact(false)
	b.sees("Restore pre-deploy-2255 (offline)")
	look("home")
	b.contact(true)

	b.container("e/shop")
	b.sees("Would change back")
	b.tap("Restore pre-deploy-2255")
	b.sees("Volumes and databases stay as they are")
	b.contact(false)
	b.until("what is asked can't be done", func() bool {
		return js[string](b, `document.querySelector('dialog .primary').innerText`) == "Restore pre-deploy-2255 (offline)"
	})
	b.do(evaluate(`document.querySelector('dialog .primary').click(); 0`))
	if !js[bool](b, `!!document.querySelector('dialog[open]')`) {
		t.Error("a tap did it")
	}
	look("sheet")
	b.contact(true)
	b.until("it can be done again", func() bool {
		return js[bool](b, `(e => e.innerText === 'Restore pre-deploy-2255' && !e.ariaDisabled)(document.querySelector('dialog .primary'))`)
	})
	b.tap("Leave it as it is")
	b.contact(false)
	b.sees("Restore pre-deploy-2255 (offline)")
	look("container")
	struck := js[[]string](b, `[...document.querySelectorAll('[role=tab]')].filter(e => getComputedStyle(e).textDecorationLine === 'line-through').map(e => e.innerText)`)
	if !slices.Equal(struck, []string{"Logs", "Shell", "Errors"}) {
		t.Errorf("struck out are %q", struck)
	}
	b.contact(true)

	b.goes(fmt.Sprintf("#/i/%d", id))
	b.sees("PagerDuty opened the incident")
	b.contact(false)
	b.sees("Acknowledge (offline)", "Resolve (offline)")
	look("incident")
}
