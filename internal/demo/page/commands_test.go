package page_test

import (
	"net/url"
	"testing"
	"time"
)

// commanded waits for a slash command.
func (a *app) commanded(t *testing.T, command, text string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		a.mu.Lock()
		all, changed := append([]url.Values(nil), a.commands...), a.changed
		a.mu.Unlock()
		for _, c := range all {
			if c.Get("command") == command && c.Get("text") == text && c.Get("user_id") == "U0MARIA" {
				return
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s %s did not arrive: %v", command, text, all)
		}
	}
}
