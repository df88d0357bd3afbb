package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
)

// Doctor asks each source once, and names whose errors can't be counted, or are told late, with the reason.
func TestDoctorSaysWhoseErrorsCannotBeCounted(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("v1", `ENTRYPOINT ["/app"]`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.FormValue("query"), "broken") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"status":"error","errorType":"bad_data","error":"parse error"}`))
			return
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}`))
	}))
	t.Cleanup(server.Close)
	s.Run(s.Name("well"), image)
	s.Run(s.Name("asked"), "--label", "snapback.errors.query=rate(errors[1m])", image)
	c := config{Only: s.Only(), PrometheusURL: server.URL}
	if said, err := checkErrors(t.Context(), c, engineAt{}); err != nil || said != "from 1 logs and 1 queries of Prometheus" {
		t.Errorf("where all is well it says %q: %v", said, err)
	}
	s.Run(s.Name("deaf"), "--log-driver", "none", image)
	s.Run(s.Name("far"), "--log-driver", "syslog", "--log-opt", "syslog-address=udp://127.0.0.1:9", "--log-opt", "cache-disabled=true", image)
	s.Run(s.Name("local"), "--log-driver", "local", image)
	s.Run(s.Name("late"), "--label", "snapback.errors.query=rate(errors[5m])", image)
	s.Run(s.Name("wrong"), "--label", "snapback.errors.query=broken", image)
	_, err := checkErrors(t.Context(), c, engineAt{})
	if err == nil {
		t.Fatal("it says nothing of what is wrong")
	}
	for _, want := range []string{
		s.Name("deaf") + ": its errors can't be counted: ", "log driver none", s.Name("far") + ": its errors can't be counted: ", "log driver syslog", s.Name("late") + ": its query has the range [5m]", s.Name("wrong") + ": ", "parse error",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), s.Name("well")) || strings.Contains(err.Error(), s.Name("asked")) || strings.Contains(err.Error(), s.Name("local")) {
		t.Errorf("it finds fault with what is well:\n%v", err)
	}
	c.PrometheusURL = ""
	if _, err := checkErrors(t.Context(), c, engineAt{}); err == nil || !strings.Contains(err.Error(), s.Name("asked")+": its label snapback.errors.query needs SNAPBACK_PROMETHEUS_URL") {
		t.Errorf("without a server: %v", err)
	}
}

// What is read of a log that is too fast stands for the whole.
func TestDoctorSaysWhoseErrorsAreCountedFromASample(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("v1", `ENTRYPOINT ["/app"]`)
	s.Run(s.Name("well"), image, "flood", "5", "all is well")
	loud := s.Run(s.Name("loud"), "--log-opt", "max-size=20m", "--log-opt", "max-file=3", image, "flood", "500", strings.Repeat("x", 8<<10))
	want := s.Name("loud") + ": it writes more than is read of it"
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		_, err := checkErrors(t.Context(), config{Only: s.Only()}, engineAt{})
		if err != nil && strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), s.Name("well")) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it does not say %q: %v", want, err)
		}
	}
	s.Docker("kill", loud) // others need the machine
}
