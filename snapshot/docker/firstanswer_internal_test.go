package docker

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// mute answers nothing until it speaks.
type mute struct{ speaks bool }

func (m *mute) RoundTrip(req *http.Request) (*http.Response, error) {
	if m.speaks {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	}
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func TestEngineThatHasNeverAnsweredIsNotWaitedForWithoutLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine := &mute{}
		first := &firstAnswer{next: engine}
		ask := func(limit time.Duration, path string) (took time.Duration, err error) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			resp, err := first.RoundTrip(req)
			if err == nil {
				err = resp.Body.Close()
			}
			return time.Since(began), err
		}
		if took, err := ask(time.Hour, "/_ping"); took != firstPatience || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the first call took %s, %v", took, err)
		}
		if took, err := ask(time.Hour, "/_ping"); took != 0 || !errors.Is(err, snapshot.ErrEngineAway) || !strings.Contains(err.Error(), "answered none") {
			t.Errorf("one that has waited took %s, %v", took, err)
		}
		if took, err := ask(time.Hour, "/v1.51/events"); took != time.Hour || err == nil {
			t.Errorf("a call that is no question for the version took %s, %v", took, err)
		}
		engine.speaks = true
		if took, err := ask(time.Hour, "/_ping"); took != 0 || err != nil {
			t.Errorf("when it answers, it took %s, %v", took, err)
		}
		engine.speaks = false
		if took, err := ask(time.Hour, "/_ping"); took != time.Hour || err == nil {
			t.Errorf("once it has answered, its callers' own limits count; it took %s, %v", took, err)
		}
	})
}
