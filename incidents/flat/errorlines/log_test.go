package errorlines_test

import (
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat/errorlines"
)

const (
	phpLog = `err PHP Fatal error:  Uncaught Exception: boom in /app/index.php:3
err Stack trace:
err #0 {main}
err   thrown in /app/index.php on line 3
`
	phpOutput = `out 
out Fatal error: Uncaught Exception: boom in /app/index.php:3
out Stack trace:
out #0 {main}
out   thrown in /app/index.php on line 3
`
	nginxError  = `err 2026/11/28 03:42:00 [error] 29#29: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, server: , request: "GET /pay HTTP/1.1", upstream: "http://10.0.0.2:80/pay", host: "shop"` + "\n"
	nginxAccess = `out 10.0.0.1 - - [28/Nov/2026:03:42:00 +0000] "GET /pay HTTP/1.1" 502 157 "-" "curl/8.5.0"` + "\n"
	later       = "later\n"
)

// TestAnErrorThatIsToldTwiceCountsOnce: each line is written to standard output or standard error, 10 ms after the one before it.
func TestAnErrorThatIsToldTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		log     string
		pattern string
		want    int
	}{
		"PHP's log and output":              {phpLog + phpOutput, "", 1},
		"the other way round":               {phpOutput + phpLog, "", 1},
		"with a time":                       {strings.Replace(phpLog, "PHP", "[28-Nov-2026 03:42:00 UTC] PHP", 1) + phpOutput, "", 1},
		"on a terminal's one stream":        {strings.ReplaceAll(phpLog, "err ", "out ") + phpOutput, "", 1},
		"two of PHP's":                      {phpLog + phpLog + phpOutput + phpOutput, "", 2},
		"two of PHP's, each with its own":   {phpLog + phpOutput + phpLog + phpOutput, "", 2},
		"two of PHP's in its log alone":     {phpLog + phpLog, "", 2},
		"another one of PHP's":              {phpLog + strings.ReplaceAll(phpOutput, "boom", "bang"), "", 2},
		"seconds later":                     {phpLog + later + phpOutput, "", 2},
		"PHP can't read the file":           {"err PHP Parse error:  no end in /app/a.php on line 9\nout Parse error: no end in /app/a.php on line 9\n", "", 1},
		"nginx's logs":                      {nginxError + nginxAccess, "", 1},
		"nginx's access log first":          {nginxAccess + nginxError, "", 1},
		"nginx, two requests":               {nginxError + nginxError + nginxAccess + nginxAccess, "", 2},
		"nginx, a request that it answered": {nginxAccess, "", 1},
		"nginx, another request":            {nginxError + strings.ReplaceAll(nginxAccess, "/pay", "/cart"), "", 2},
		"one line on both streams":          {"out level=error msg=boom\nerr level=error msg=boom\n", "", 1},
		"one line twice":                    {"out level=error msg=boom\nout level=error msg=boom\n", "", 2},
		"by a pattern of one's own":         {phpLog + phpOutput, "boom", 2},
		"more than are remembered":          {strings.Repeat("err level=error msg=boom\n", 100) + "out level=error msg=boom\n", "", 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, err := errorlines.New(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			log, at, errors := rules.Log(), time.Date(2026, 11, 28, 3, 42, 0, 0, time.UTC), 0
			for line := range strings.Lines(c.log) {
				if at = at.Add(10 * time.Millisecond); line == later {
					at = at.Add(5 * time.Second)
					continue
				}
				stream, text, _ := strings.Cut(line, " ")
				if isError, _ := log.Line([]byte(text), stream == "err", at); isError {
					errors++
				}
			}
			if errors != c.want {
				t.Errorf("%d errors, want %d, in\n%s", errors, c.want, c.log)
			}
		})
	}
}
