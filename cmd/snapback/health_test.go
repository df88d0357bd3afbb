package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func health(t *testing.T, listen string) (string, error) {
	t.Helper()
	var out, problems strings.Builder
	vars := map[string]string{"SNAPBACK_METRICS_LISTEN": listen}
	err := run(t.Context(), []string{"health"}, func(k string) string { return vars[k] }, strings.NewReader(""), &out, &problems)
	return out.String(), err
}

func TestHealthIsWhatTheBotAnswers(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
	}))
	listen := strings.TrimPrefix(bot.URL, "http://")
	_, port, _ := strings.Cut(listen, ":")
	for _, at := range []string{listen, ":" + port, "0.0.0.0:" + port} {
		if out, err := health(t, at); err != nil || out != "the bot runs\n" {
			t.Errorf("%s: %q, %v", at, out, err)
		}
	}
	status = http.StatusInternalServerError
	if _, err := health(t, listen); exitCode(err) != exitFailed || !strings.Contains(err.Error(), "500") {
		t.Errorf("a bot that answers 500: %v", err)
	}
	bot.Close()
	if _, err := health(t, listen); exitCode(err) != exitFailed || !strings.Contains(err.Error(), "does not run") {
		t.Errorf("no bot: %v", err)
	}
	if _, err := health(t, ":0"); exitCode(err) != exitFailed || strings.Contains(err.Error(), "does not run") || !strings.Contains(err.Error(), "leaves the port to the system") {
		t.Errorf("a port that nobody knows: %v", err)
	}
	if _, err := health(t, "nonsense"); exitCode(err) != exitUsage {
		t.Errorf("no address: %v", err)
	}
}

func TestHealthEndsInFiveSeconds(t *testing.T) {
	t.Parallel()
	hangs := make(chan struct{})
	bot := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs }))
	t.Cleanup(func() { close(hangs); bot.Close() })
	began := time.Now()
	_, err := health(t, strings.TrimPrefix(bot.URL, "http://"))
	if exitCode(err) != exitFailed || !strings.Contains(err.Error(), "no answer in 5 s") {
		t.Errorf("a bot that hangs: %v", err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
}
