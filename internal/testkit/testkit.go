// Package testkit is what the tests of many packages say over and over.
package testkit

import (
	"testing"

	"github.com/snapback/snapback/internal/keyring"
)

// OK ends the test with err, unless it is nil.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Ring is a key ring that is no secret.
func Ring(t testing.TB) *keyring.Ring {
	t.Helper()
	return RingOf(t, "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
}

// RingOf is the key ring that SNAPBACK_SECRET_KEYS would name by that text.
func RingOf(t testing.TB, keys string) *keyring.Ring {
	t.Helper()
	ring, err := keyring.Parse(keys)
	OK(t, err)
	return ring
}
