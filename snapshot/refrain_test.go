package snapshot_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
)

func TestWhatFailsAgainAndAgainIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	var looking snapshot.Refrain
	for _, err := range []error{
		nil, fmt.Errorf("%w: port 1", snapshot.ErrEngineAway), fmt.Errorf("%w: port 2", snapshot.ErrEngineAway), errors.New("denied"), errors.New("denied"),
		errors.New("no table"), nil, nil, errors.New("denied"),
	} {
		looking.Log(log, "looking", err)
	}
	want := `level=WARN msg=looking err="the container engine does not answer: port 1"
level=WARN msg=looking err=denied
level=WARN msg=looking err="no table"
level=INFO msg="looking: it works again"
level=WARN msg=looking err=denied
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
