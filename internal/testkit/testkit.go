// Package testkit is what the tests of many packages say over and over.
package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/keyring"
)

// OK ends the test with err, unless it is nil.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Eventually looks whether something is so, every few milliseconds, and ends the test when it is not within a minute.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	limit, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// Await waits for what comes over a channel, or for its end, and fails the test when neither has come within two minutes. It is to be called
// by the goroutine of the test.
func Await[T any](t testing.TB, what string, from <-chan T) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(2 * time.Minute):
		t.Fatalf("it did not come to pass that %s", what)
	}
}

// FreePort is a port of this machine on which nobody listens, for a program that is told where to listen. It is below those that the
// system hands out by itself: of those, another test's connection may get the same one before the program has it.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(20_000)
		l, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", port))
		if err == nil {
			OK(t, l.Close())
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// RingText is a key ring that is no secret, as SNAPBACK_SECRET_KEYS names it.
const RingText = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// Ring is that of RingText.
func Ring(t testing.TB) *keyring.Ring {
	t.Helper()
	return RingOf(t, RingText)
}

// RingOf is the key ring that SNAPBACK_SECRET_KEYS would name by that text.
func RingOf(t testing.TB, keys string) *keyring.Ring {
	t.Helper()
	ring, err := keyring.Parse(keys)
	OK(t, err)
	return ring
}

// Limits fails for each row of docs/limits.md, by its first column, whose second column does not have the limits that the code has.
// page is the path of that file.
func Limits(t testing.TB, page string, rows map[string][]time.Duration) {
	t.Helper()
	said := limitsSaid(t, page)
	for what, limits := range rows {
		for _, limit := range limits {
			said.has(t, what, inWords(limit))
		}
	}
}

// Counts is Limits for what is no time: bare numbers. 4,000 bytes are 4000.
func Counts(t testing.TB, page string, rows map[string][]int) {
	t.Helper()
	said := limitsSaid(t, page)
	for what, limits := range rows {
		for _, limit := range limits {
			said.has(t, what, strconv.Itoa(limit))
		}
	}
}

// limits are the second column of the page's tables, by the first.
type limits map[string]string

func limitsSaid(t testing.TB, page string) limits {
	t.Helper()
	text, err := os.ReadFile(page)
	OK(t, err)
	said := limits{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			said[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[2])
		}
	}
	return said
}

// has fails where what the page says of something lacks a limit.
func (l limits) has(t testing.TB, what, limit string) {
	t.Helper()
	if !strings.Contains(" "+strings.NewReplacer(",", "", ";", "").Replace(l[what])+" ", " "+limit+" ") {
		t.Errorf("docs/limits.md says of %q: %q; the code has %s", what, l[what], limit)
	}
}

// inWords is how the documentation writes a time.
func inWords(d time.Duration) string {
	if d < 2*time.Minute && d != time.Minute {
		return fmt.Sprintf("%g s", d.Seconds())
	}
	n, unit := d.Minutes(), "minute"
	switch {
	case d > 48*time.Hour:
		n, unit = d.Hours()/24, "day"
	case d > time.Hour && d%time.Hour == 0:
		n, unit = d.Hours(), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%g %s", n, unit)
}
