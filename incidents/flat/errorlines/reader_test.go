package errorlines_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat/errorlines"
)

// count reads a log of one stream.
func count(t testing.TB, pattern, log string) (failed, requests int) {
	t.Helper()
	rules, err := errorlines.New(pattern)
	if err != nil {
		t.Fatal(err)
	}
	r := rules.Reader()
	for line := range strings.Lines(log) {
		isError, isRequest := r.Line([]byte(line))
		if isError {
			failed++
		}
		if isRequest {
			requests++
		}
	}
	return failed, requests
}

func TestLinesOfTheField(t *testing.T) {
	t.Parallel()
	for _, c := range fieldLines {
		name, _, _ := strings.Cut(c.name, "\n")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed, requests := count(t, "", c.log)
			if failed != c.errors || requests != c.requests {
				t.Errorf("%d errors and %d requests, want %d and %d, in\n%s", failed, requests, c.errors, c.requests, c.log)
			}
		})
	}
}

// Each line that is told apart by itself stays so behind every other one: what came before must not change what a line with a
// level or a status is.
func TestWhatCameBeforeDoesNotHideAnError(t *testing.T) {
	t.Parallel()
	for _, before := range fieldLines {
		failed, _ := count(t, "", before.log+"\n2026-11-28 03:42:00,123 ERROR [main] com.shop.Cart - boom\nlevel=error msg=boom\n")
		if failed != before.errors+2 {
			t.Errorf("%d errors, want %d, after\n%s", failed, before.errors+2, before.log)
		}
	}
}

func TestPatternTakesThePlaceOfTheRules(t *testing.T) {
	t.Parallel()
	log := "level=error msg=boom\nPAYMENT DECLINED by bank\n10.0.0.1 - - [28/Nov/2026:03:42:00 +0000] \"GET / HTTP/1.1\" 500 12\n"
	if failed, requests := count(t, `DECLINED`, log); failed != 1 || requests != 1 {
		t.Errorf("%d errors and %d requests", failed, requests)
	}
	if _, err := errorlines.New("("); err == nil {
		t.Error("a pattern that does not compile is taken")
	}
}

func TestNothingOfALineIsKept(t *testing.T) {
	t.Parallel()
	rules, _ := errorlines.New("")
	r := rules.Reader()
	line := []byte("ERROR [main] com.shop.Cart - boom")
	r.Line(line)
	copy(line, "                                 ")
	if isError, _ := r.Line([]byte("java.lang.IllegalStateException: boom")); isError {
		t.Error("the trace of an error is another one")
	}
}

func FuzzLine(f *testing.F) {
	for _, c := range fieldLines {
		f.Add([]byte(c.log))
	}
	rules, err := errorlines.New("")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, log []byte) {
		one, two := rules.Reader(), rules.Reader()
		for line := range strings.Lines(string(log)) {
			errorOne, requestOne := one.Line([]byte(line))
			errorTwo, requestTwo := two.Line([]byte(strings.TrimRight(line, "\r\n")))
			if errorOne != errorTwo || requestOne != requestTwo {
				t.Fatalf("a line break changes what %q is", line)
			}
		}
	})
}

func BenchmarkLine(b *testing.B) {
	for _, c := range []struct{ name, line string }{
		{"nginx", `203.0.113.9 - - [28/Nov/2026:03:42:00 +0000] "GET /cart?id=17 HTTP/1.1" 200 512 "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"`},
		{"json", `{"time":"2026-11-28T03:42:00.123456789Z","level":"INFO","source":{"function":"main.serve","file":"/src/main.go","line":42},"msg":"request","method":"GET","path":"/cart","status":200,"duration_ms":12,"user_agent":"Mozilla/5.0"}`},
		{"logfmt", `time=2026-11-28T03:42:00.123Z level=INFO msg="request" method=GET path=/cart status=200 duration_ms=12 trace_id=4bf92f3577b34da6a3ce929d0e0e4736`},
		{"logback", `2026-11-28 03:42:00.123  INFO 1 --- [nio-8080-exec-1] c.s.shop.cart.CartController             : added 3 items for customer 17`},
		{"klog", `I1128 03:42:00.123456       1 controller.go:123] "Reconciled" namespace="shop" name="cart" duration="12ms"`},
		{"plain", `Listening for connections on port 8080, with 12 workers and 0 errors so far`},
		{"long", `{"level":"info","msg":"` + strings.Repeat("lorem ipsum ", 400) + `"}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			rules, _ := errorlines.New("")
			r, line := rules.Reader(), []byte(c.line)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				r.Line(line)
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op") // on a busy machine, time says little
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
