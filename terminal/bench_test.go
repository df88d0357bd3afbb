package terminal_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/terminal"
)

// What is promised of a terminal, beside docker exec in the same run.
const (
	promisedShare   = 0.9 // of the bytes a second
	promisedEcho    = 2 * time.Millisecond
	promisedEchoP99 = 10 * time.Millisecond
	promisedCtrlC   = 200 * time.Millisecond
	promisedIdleKB  = 300.0 // for a session that nobody does anything in
	sessionsAtOnce  = 50
	catSize         = 100_000_000
	catRounds       = 7 // one of three may be a slow one
	ctrlCs          = 5 // of which none may take longer
)

// served is a service beside a database, both as people have them.
func served(b *testing.B) *night {
	b.Helper()
	durable(b)
	return setup(b, asServed)
}

// asServed is the service with the settings that it has when it is served, for as many browsers as a benchmark has.
func asServed(c *terminal.Config) {
	c.Poll, c.PerPerson, c.PerContainer, c.Refusals = 3*time.Second, 1000, 1000, 1000
	c.Ping = 10 * time.Minute // those that wait for their turn answer none
}

// BenchmarkTerminalOutput has a shell show 100 MB, to a browser that reads as fast as it can.
func BenchmarkTerminalOutput(b *testing.B) {
	n := served(b)
	n.docker("sh", "-c", fmt.Sprintf("yes 'GET /basket/4711 200 from 10.0.0.17 in 3 ms, with a line as long as lines are' | head -c %d > /big", catSize))
	for b.Loop() {
		var theirs, ours figures
		for range catRounds {
			theirs = append(theirs, n.catByDocker())
			s := n.openShell() // whose recording is empty, and full before the end
			ours = append(ours, s.cat())
			if s.again > 0 || s.missed > 0 {
				b.Logf("connected anew %d times, missed %d bytes", s.again, s.missed)
			}
			_ = s.conn.CloseNow()
		}
		share := theirs.at(50).Seconds() / ours.at(50).Seconds()
		b.Logf("%s: %d MB in %s by docker exec -t, in %s by the bot: %.2f of its bytes a second", load(), catSize/1_000_000, theirs, ours, share)
		b.ReportMetric(share, "share")
		if share < promisedShare {
			b.Errorf("%.2f of the bytes a second of docker exec -t, want at least %.2f", share, promisedShare)
		}
	}
}

// BenchmarkTerminalSlowBrowser shows the same to a browser that takes little of it. Its shell goes on.
func BenchmarkTerminalSlowBrowser(b *testing.B) {
	n := served(b)
	n.docker("sh", "-c", "yes 'a line of the log' | head -c 20000000 > /big")
	s := n.openShell()
	for b.Loop() {
		s.pace = 20 * time.Millisecond
		took := s.cat()
		s.pace = 0
		s.run("echo al''ive", "alive")
		b.Logf("%s: a browser that takes a piece every 20 ms has the end of 20 MB after %s; connected anew %d times, and missed %d MB", load(), took.Round(time.Millisecond), s.again, s.missed/1_000_000)
	}
}

// BenchmarkTerminalEcho is what the bot adds to one key's way there and back.
func BenchmarkTerminalEcho(b *testing.B) {
	n := served(b)
	p, s := n.dockerShell(), n.openShell()
	s.run("echo re''ady; cat", "ready")
	p.run("echo re''ady; cat", "ready")
	for b.Loop() {
		var theirs, ours figures
		for i := range 400 {
			key := string(rune('a' + i%26))
			theirs, ours = append(theirs, p.echo(key)), append(ours, s.echo(key))
		}
		p50, p99 := ours.at(50)-theirs.at(50), ours.at(99)-theirs.at(99)
		b.Logf("%s: a key's echo by docker exec -it %s, by the bot %s", load(), theirs, ours)
		b.ReportMetric(p50.Seconds()*1000, "added-p50-ms")
		b.ReportMetric(p99.Seconds()*1000, "added-p99-ms")
		if p50 > promisedEcho || p99 > promisedEchoP99 {
			b.Errorf("the bot adds %s, and %s in the worst of a hundred; want at most %s and %s", p50, p99, promisedEcho, promisedEchoP99)
		}
	}
}

// BenchmarkTerminalCtrlC is how long a flood goes on after somebody has had enough of it.
func BenchmarkTerminalCtrlC(b *testing.B) {
	n := served(b)
	p, s := n.dockerShell(), n.openShell()
	for b.Loop() {
		var theirs, ours figures
		for range ctrlCs {
			theirs, ours = append(theirs, ctrlC(p)), append(ours, ctrlC(s))
		}
		b.Logf("%s: from Ctrl-C to the prompt %s by docker exec -it, %s by the bot", load(), theirs, ours)
		b.ReportMetric(ours.at(50).Seconds()*1000, "ms")
		b.ReportMetric(ours.at(100).Seconds()*1000, "worst-ms")
		if ours.at(100) > promisedCtrlC {
			b.Errorf("the prompt is back after %s at worst, want at most %s", ours.at(100), promisedCtrlC)
		}
	}
}

// BenchmarkTerminalSessions has fifty people at work at once, each in a shell.
func BenchmarkTerminalSessions(b *testing.B) {
	n := served(b)
	for b.Loop() {
		before := memory()
		var open []*stream
		for range sessionsAtOnce {
			open = append(open, n.openShell())
		}
		each := (memory() - before) / sessionsAtOnce / 1000
		began := time.Now()
		for i, s := range open {
			s.typeIn(fmt.Sprintf("echo fi''fty %d\r", i))
		}
		for i, s := range open {
			s.until(fmt.Sprintf("fifty %d\r\n", i))
		}
		b.Logf("%s: %d shells have all answered after %s; each takes %.0f kB idle, its browser's connection in the same process counted in", load(), len(open), time.Since(began).Round(time.Millisecond), each)
		b.ReportMetric(each, "kB/session")
		if each > promisedIdleKB {
			b.Errorf("an idle session takes %.0f kB, want at most %.0f", each, promisedIdleKB)
		}
		for _, s := range open {
			_ = s.conn.CloseNow()
		}
	}
}

// memory is what is in use after a garbage collection, stacks and all, in bytes.
func memory() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// ctrlC lets a flood flow, ends it, and says how long the prompt took to be back.
func ctrlC(s interface {
	typeIn(text string)
	until(text string) time.Time
}) time.Duration {
	s.typeIn("yes floo''ding\r")
	for range 100 {
		s.until(strings.Repeat("flooding\r\n", 1000))
	}
	began := time.Now()
	s.typeIn("\x03")
	return s.until("\n" + benchPrompt).Sub(began)
}

// load is what else the machine is doing.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "load unknown"
	}
	return "load " + string(bytes.Join(bytes.Fields(text)[:3], []byte(" ")))
}

// openShell is a browser at the prompt of a shell of its own.
func (n *night) openShell() *stream {
	n.t.Helper()
	id, have := n.session(access.ModeShell)
	s := &stream{n: n, id: id, have: have}
	s.connect()
	s.say(`{"type":"shell","cols":80,"rows":24}`)
	s.running()
	s.run("PS1='"+benchPrompt[:2]+"''"+benchPrompt[2:]+"'", benchPrompt)
	return s
}
