package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
)

func TestLogIsWrittenAsItIsSet(t *testing.T) {
	t.Parallel()
	for set, want := range map[string][3]string{ // what a debug, an info and an error entry begin with; "": they are left out
		"":           {"", `time=`, `time=`},
		"json":       {"", `{"time":`, `{"time":`},
		"text debug": {`time=`, `time=`, `time=`},
		"json warn":  {"", "", `{"time":`},
		"text error": {"", "", `time=`},
	} {
		format, level, _ := strings.Cut(set, " ")
		env := map[string]string{"SNAPBACK_LOG_FORMAT": format, "SNAPBACK_LOG_LEVEL": level}
		r := &reader{getenv: func(k string) string { return env[k] }}
		var text strings.Builder
		log := r.logging().logger(&text)
		testkit.OK(t, r.err())
		for i, write := range []func(string, ...any){log.Debug, log.Info, log.Error} {
			text.Reset()
			write("x")
			if got := text.String(); !strings.HasPrefix(got, want[i]) || (got == "") != (want[i] == "") {
				t.Errorf("set to %q, entry %d is %q", set, i, got)
			}
		}
	}
}

var readyAt = regexp.MustCompile(`"msg":"snapback (?:is|runs, and is not) ready".*"addr":"([^"]+)","metrics_addr":"([^"]+)"`)

// Whoever collects logs reads every line; a profile is for the operator alone.
func TestServeLogsJSONAndIsProfiledOnTheMetricsAddressOnly(t *testing.T) {
	t.Parallel()
	n := newNightOn(t, enginetest.New(t))
	n.env["SNAPBACK_LOG_FORMAT"], n.env["SNAPBACK_LOG_LEVEL"] = "json", "debug"
	r := serveUntil(t, n.env, readyAt)
	for path, status := range map[string][2]int{ // at the main and at the metrics address
		"/debug/pprof/": {http.StatusNotFound, http.StatusOK}, "/debug/pprof/goroutine?debug=1": {http.StatusNotFound, http.StatusOK},
		"/debug/pprof/profile?seconds=1": {http.StatusNotFound, http.StatusOK}, "/debug/pprof/cmdline": {http.StatusNotFound, http.StatusNotFound},
		"/metrics": {http.StatusNotFound, http.StatusOK}, "/readyz": {http.StatusOK, http.StatusOK},
	} {
		for i, base := range []string{r.url, r.metrics} {
			resp, err := http.Get(base + path)
			testkit.OK(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != status[i] {
				t.Errorf("%s%s: %d, want %d", base, path, resp.StatusCode, status[i])
			}
		}
	}
	text, _ := r.log.read()
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			t.Errorf("this is no JSON: %s", line)
		}
	}
}

func TestLastWordsAreJSONToo(t *testing.T) {
	t.Parallel()
	set := settings()
	set["SNAPBACK_LOG_FORMAT"], set["SNAPBACK_DATA_DIR"] = "json", "/dev/null/nowhere"
	var said strings.Builder
	err := run(t.Context(), []string{"serve"}, func(name string) string { return set[name] }, strings.NewReader(""), io.Discard, &said)
	first, _, _ := strings.Cut(said.String(), "\n")
	var entry struct{ Level, Msg, Err string }
	if json.Unmarshal([]byte(first), &entry) != nil || entry.Level != "ERROR" || !strings.HasPrefix(entry.Err, "SNAPBACK_DATA_DIR: ") {
		t.Errorf("it says %q", said.String())
	}
	if exitCode(err) != 2 {
		t.Errorf("exit code %d, %v", exitCode(err), err)
	}
}
