package docker_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
)

// TestHelpersThatWereNeverStartedGo as those of a bot that was killed in between: nobody could remove their volumes.
func TestHelpersThatWereNeverStartedGo(t *testing.T) {
	t.Parallel()
	s, e, id, m := mover(t)
	testkit.OK(t, e.ReadyToMove(t.Context()))
	_, images, err := e.Helpers(t.Context())
	if err != nil || len(images) != 1 {
		t.Fatalf("images %v, %v", images, err)
	}
	data := "--volume=" + s.Name("left") + ":/v"
	s.Docker("create", "--name", s.Name("helper")+"-pack-left", "--label", "snapback.helper=pack", data, images[0])
	s.Docker("create", "--name", s.Name("other"), "--label", "snapback.helper=pack", s.Image("good", `ENTRYPOINT ["/app"]`))

	var archive bytes.Buffer
	_, err = e.Pack(t.Context(), id, m, &archive)
	testkit.OK(t, err)
	r, w := io.Pipe()
	filled := make(chan error, 1)
	go func() { filled <- e.Unpack(t.Context(), id, m, r) }()
	_, err = w.Write(archive.Bytes()[:archive.Len()/2]) // returns when the helper is at work
	testkit.OK(t, err)

	testkit.OK(t, e.RemoveIdleHelpers(t.Context(), ""))
	if _, err := s.Try("inspect", s.Name("helper")+"-pack-left"); err != nil {
		t.Error("one is gone that was made just now")
	}
	soon, err := docker.New(t.Context(), docker.Config{HelperProgram: s.Program(), HelperImage: s.Name("helper"), Only: s.Only(), Stall: time.Millisecond})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = soon.Close() })
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		testkit.OK(t, soon.RemoveIdleHelpers(t.Context(), ""))
		if _, err := s.Try("inspect", s.Name("helper")+"-pack-left"); err != nil {
			break
		}
	}
	if out, err := s.Try("volume", "rm", s.Name("left")); err != nil {
		t.Errorf("its volume can't be removed: %s", out)
	}
	if left := s.Docker("ps", "-a", "--filter", "name="+s.Name(""), "--format", "{{.Names}}"); !strings.Contains(left, s.Name("other")) ||
		!strings.Contains(left, s.Name("helper")+"-unpack-") {
		t.Errorf("there are %s", left)
	}
	testkit.OK(t, w.CloseWithError(errors.New("that is enough")))
	<-filled
}
