package docker_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// TestPreflightFindsWhatCannotBe takes away one thing at a time, and wants to hear of exactly that.
func TestPreflightFindsWhatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		prepare []string
		flags   string
		deploy  []string
		want    []string
	}{
		{name: "nothing", deploy: []string{"rm -f @api"}},
		{name: "image", deploy: []string{"rm -f @api", "rmi -f @good", "rmi -f snapback/@api:pre-deploy-2255"}, want: []string{"its image is gone: somebody removed or pruned it"}},
		{name: "name", deploy: []string{"rm -f @api", "run -d --name @api @dbimage"}, want: []string{"the name @api belongs to another container now"}},
		{
			name: "network", prepare: []string{"network create @net"}, flags: "--network @net", deploy: []string{"rm -f @api", "network rm @net"},
			want: []string{"network @net is gone"},
		},
		{
			name: "network of a name with a slash", prepare: []string{"network create @team/front", "network create @team"}, flags: "--network @team/front",
			deploy: []string{"rm -f @api", "network rm @team/front"}, want: []string{"network @team/front is gone"},
		},
		{
			name: "address", prepare: []string{"network create --subnet 10.211.8.0/24 @net"}, flags: "--network @net --ip 10.211.8.8",
			deploy: []string{"rm -f @api", "network rm @net", "network create --subnet 10.211.9.0/24 @net"},
			want:   []string{"network @net was made anew and has no address 10.211.8.8"},
		},
		{
			name: "volume", prepare: []string{"volume create @vol"}, flags: "--volume @vol:/data", deploy: []string{"rm -f @api", "volume rm @vol"},
			want: []string{"volume @vol is gone, and would come back empty"},
		},
		{
			name: "volume of another container", prepare: []string{"volume create @vol", "run -d --name @db --volume @vol:/data @dbimage"}, flags: "--volumes-from @db",
			deploy: []string{"rm -f @api @db", "volume rm @vol"}, want: []string{"volume @vol is gone, and would come back empty"},
		},
		{
			name: "port", flags: "--publish 28431:80 --publish 127.0.0.1:28432:81/udp",
			deploy: []string{"rm -f @api", "run -d --name @thief --publish 127.0.0.1:28431:80 --publish 28432:80/udp @dbimage"},
			want:   []string{"port 28431/tcp is taken by container @thief", "port 28432/udp is taken by container @thief"},
		},
		{
			name: "port of a paused container", flags: "--publish 28435:80", deploy: []string{"rm -f @api", "run -d --name @thief --publish 28435:80 @dbimage", "pause @thief"},
			want: []string{"port 28435/tcp is taken by container @thief"},
		},
		{name: "paused neighbour", prepare: []string{"run -d --ipc shareable --name @db @dbimage"}, flags: "--network container:@db --ipc container:@db", deploy: []string{"rm -f @api", "pause @db"}},
		{name: "port of another address or protocol", flags: "--publish 127.0.0.1:28433:80", deploy: []string{"rm -f @api", "run -d --name @polite --publish 127.0.0.2:28433:80 --publish 28433:80/udp @dbimage"}},
		{name: "port of the other IP version", flags: "--publish 0.0.0.0:28434:80", deploy: []string{"rm -f @api", "run -d --name @six --publish [::]:28434:80 @dbimage"}},
		{
			name: "namespace", prepare: []string{"run -d --name @db @dbimage"}, flags: "--network container:@db --pid container:@db", deploy: []string{"rm -f @api", "stop @db"},
			want: []string{"it shares the network namespace of container @db, which does not run", "it shares the process namespace of container @db, which does not run"},
		},
		{
			name: "link", prepare: []string{"run -d --name @db @dbimage"}, flags: "--link @db:database", deploy: []string{"rm -f @api", "rm -f @db"},
			want: []string{"it is linked to container @db, which does not run"},
		},
		{name: "swarm", flags: "--label com.docker.swarm.task.id=x --label com.docker.swarm.service.name=shop", deploy: []string{"rm -f @api"}, want: []string{"it is a task of the Swarm's service shop, which would replace it again: restore the service (labelled snapback.enable=true itself, on a manager that the bot reaches), or docker service rollback shop"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := enginetest.New(t)
			s.Image("dbimage", `ENTRYPOINT ["/app"]`)
			for _, command := range c.prepare {
				s.Docker(words(s, command)...)
			}
			id := s.Run(s.Name("api"), append(words(s, c.flags), s.Image("good", `ENTRYPOINT ["/app"]`), "serve", "-addr", ":84")...)
			spec := keep(t, s, id, false)
			for _, command := range c.deploy {
				s.Docker(words(s, command)...)
			}
			finding, err := s.Engine().Check(t.Context(), s.Name("api"), spec)
			testkit.OK(t, err)
			var want []string
			for _, w := range c.want {
				want = append(want, placeholder.ReplaceAllStringFunc(w, func(p string) string { return s.Name(p[1:]) }))
			}
			if !slices.Equal(finding.Problems, want) {
				t.Errorf("problems %q, want %q", finding.Problems, want)
			}
		})
	}
}

func TestPreflightSaysWhatWillNotComeBack(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	name := s.Name("api")
	image := s.Image("good", `ENTRYPOINT ["/app"]`, "VOLUME /anonymous")
	id := s.Run(name, "--volume", s.Name("vol")+":/data", "--volume", "/tmp:/host:ro", "--tmpfs", "/run", "--rm", image)
	spec := keep(t, s, id, false)
	s.Docker("rm", "--force", "--volumes", name)
	spec.Replaces = s.Run(name, "--rm", image)
	finding, err := s.Engine().Check(t.Context(), name, spec)
	testkit.OK(t, err)
	want := []string{
		"/anonymous comes back empty, since its volume is gone", "/run is in memory and starts empty",
		"the container that runs now removes itself when it stops (--rm)", "/data keeps what is in it now", "/host keeps what is in it now",
	}
	if !slices.Equal(finding.Losses, want) || len(finding.Problems) > 0 {
		t.Errorf("losses %q, problems %q", finding.Losses, finding.Problems)
	}
}

// A busy engine's list still calls a container running whose stop it has answered.
func TestNothingGoesByAListThatLagsBehind(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("good", `ENTRYPOINT ["/app"]`)
	id := s.Run(s.Name("api"), "--publish", "28436:80", "--volume", s.Name("data")+":/data", image)
	spec := keep(t, s, id, false)
	s.Docker("rm", "--force", s.Name("api"))
	s.Run(s.Name("other"), "--publish", "28436:80", "--volume", s.Name("data")+":/data", image)
	proxy := enginefault.Start(t, "", s.Only())
	proxy.Lag()
	e, err := docker.New(t.Context(), docker.Config{Host: proxy.Host(), Only: s.Only()})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = e.Close() })
	look := func() (snapshot.Finding, []string) {
		finding, err := e.Check(t.Context(), s.Name("api"), spec)
		testkit.OK(t, err)
		users, err := e.Users(t.Context(), []snapshot.Mount{{Path: "/data", Type: "volume", Source: s.Name("data")}})
		testkit.OK(t, err)
		return finding, users
	}
	if finding, users := look(); len(finding.Problems) != 1 || len(users) != 1 {
		t.Fatalf("while it runs: %q, users %q", finding.Problems, users)
	}
	s.Docker("stop", "--time", "0", s.Name("other"))
	if finding, users := look(); len(finding.Problems) > 0 || len(users) > 0 {
		t.Errorf("after its stop: %q, users %q", finding.Problems, users)
	}
}

func TestPreflightNamesContainersThatJoined(t *testing.T) {
	t.Parallel()
	s, name, id := setup(t, "--ipc", "shareable")
	image := s.Name("good")
	s.Run(s.Name("net"), "--network", "container:"+name, image, "serve", "-addr", ":81")
	s.Run(s.Name("pid"), "--pid", "container:"+name, image)
	s.Run(s.Name("ipc"), "--ipc", "container:"+name, image)
	s.Docker("run", "--detach", "--name", s.Name("foreign"), "--network", "container:"+name, image, "serve", "-addr", ":82")
	s.Run(s.Name("none"), image)
	spec := keep(t, s, id, false)
	spec.Replaces = id
	finding, err := s.Engine().Check(t.Context(), name, spec)
	testkit.OK(t, err)
	var got []string
	for _, c := range finding.Joined {
		got = append(got, strings.TrimPrefix(c.Name, s.Name("")))
	}
	slices.Sort(got)
	if want := []string{"foreign", "ipc", "net", "pid"}; !slices.Equal(got, want) {
		t.Errorf("joined %q, want %q", got, want)
	}
}

func TestPreflightRefusesWhatIsNotEnabled(t *testing.T) {
	t.Parallel()
	s, name, id := setup(t)
	spec := keep(t, s, id, false)
	spec.Replaces = s.Docker("run", "--detach", "--name", s.Name("private"), s.Name("good"))
	if _, err := s.Engine().Check(t.Context(), name, spec); !errors.Is(err, snapshot.ErrNotEnabled) {
		t.Errorf("replacing a container without the label: %v", err)
	}
	spec = snapshot.Spec{Document: s.Raw(spec.Replaces), ImageID: spec.ImageID}
	if _, err := s.Engine().Create(t.Context(), name+".snapback-1", spec); !errors.Is(err, snapshot.ErrNotEnabled) {
		t.Errorf("creating from a document without the label: %v", err)
	}
}

func TestNamesThatAreNoneNeverReachTheEngine(t *testing.T) {
	t.Parallel()
	s, _, id := setup(t)
	spec := keep(t, s, id, false)
	e, ctx := s.Engine(), t.Context()
	for _, bad := range []string{"", ".", "..", "../x", "a/b", "a b", "a?force=1", "a%2fb", "-a", "a\x00", strings.Repeat("a", 256)} {
		_, create := e.Create(ctx, bad, spec)
		_, check := e.Check(ctx, bad, spec)
		_, has := e.HasImage(ctx, bad)
		for act, err := range map[string]error{
			"Create": create, "Check": check, "HasImage": has, "Rename": e.Rename(ctx, id, bad), "Stop": e.Stop(ctx, bad, 0), "Remove": e.Remove(ctx, bad),
			"Tag": e.Tag(ctx, spec.ImageID, bad), "Untag": e.Untag(ctx, bad),
		} {
			if err == nil || !strings.Contains(err.Error(), " is no ") {
				t.Errorf("%s(%q): %v", act, bad, err)
			}
		}
	}
	if err := e.Untag(ctx, s.Name("good")); err == nil {
		t.Error("Untag removed a tag that is not ours")
	}
}
