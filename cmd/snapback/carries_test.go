package main

import (
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
)

// A bot that restored the container that it runs in would end itself halfway, and again at every start.
func TestBotKnowsTheContainerThatItRunsIn(t *testing.T) {
	t.Parallel()
	binary := staticProgram(t)
	s := enginetest.New(t)
	image := s.Image("base", `ENTRYPOINT ["/app"]`)
	s.Run(s.Name("owner"), image, "serve", "-addr", "")
	s.Run(s.Name("shop"), "--volume", s.Name("shop")+":/var/lib/snapback", image, "serve", "-addr", "")
	for name, c := range map[string]struct{ flags, also []string }{
		"named":   {[]string{"--hostname", "snapback", "--network", "none"}, nil},
		"joined":  {[]string{"--network", "container:" + s.Name("owner"), "--volume", s.Name("data") + ":/var/lib/snapback"}, []string{"owner"}},
		"private": {[]string{"--cgroupns", "private", "--hostname", "snapback"}, nil},
	} {
		args := append([]string{"create", "--name", s.Name(name), "--label", "snapback.enable=true", "--label", s.Only(),
			"--volume", "/var/run/docker.sock:/var/run/docker.sock", "--entrypoint", "/snapback"}, c.flags...)
		env := settings()
		env["DATABASE_URL"], env["SNAPBACK_DATA_DIR"], env["SNAPBACK_ONLY"] = "postgres://127.0.0.1:1/x", "/var/lib/snapback", s.Only()
		env["SLACK_API_URL"], env["PAGERDUTY_API_URL"] = "http://127.0.0.1:1/", "http://127.0.0.1:1/"
		for key, value := range env {
			args = append(args, "--env", key+"="+value)
		}
		s.Docker(append(args, image, "doctor")...)
		s.Docker("cp", binary, s.Name(name)+":/snapback")
		out, err := s.Try("start", "--attach", s.Name(name)) // it finds fault with everything else
		if err == nil {
			t.Errorf("%s: doctor found nothing wrong:\n%s", name, out)
		}
		said := s.Docker("logs", s.Name(name))
		for _, other := range []string{"owner", "shop", "named", "joined", "private"} {
			want := other == name
			for _, also := range c.also {
				want = want || other == also
			}
			if got := strings.Contains(said, s.Name(other)+" is neither kept nor restored: this bot runs in it"); got != want {
				t.Errorf("%s: that it runs in %s: %v, want %v. It said:\n%s", name, other, got, want, said)
			}
		}
	}
}
