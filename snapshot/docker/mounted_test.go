package docker_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
)

// A mounted image is named by its tag, and the engine looks up what that means at each create.
func TestRestoreMountsTheImageThatWasMounted(t *testing.T) {
	t.Parallel()
	enginetest.New(t).Needs("1.48")
	unpacked := `Mounts\[0\]\.Source` // the engine unpacks it anew
	mounted := matrixCase{prepare: []string{"tag @dbimage @assets"}, flags: "--mount type=image,source=@assets,target=/assets", check: holds("dbimage")}
	stays, moved, written := mounted, mounted, mounted
	stays.deploy = []string{"rm -f @api", "run -d --name @api --label snapback.enable=true @good"}
	stays.differs = []string{unpacked}
	moved.deploy = []string{"rm -f @api", "tag @good @assets", "rmi @dbimage", "run -d --name @api --label snapback.enable=true --mount type=image,source=@assets,target=/assets @good"}
	moved.expected, moved.differs = []string{"mount-option"}, []string{unpacked, `HostConfig\.Mounts\[0\]\.Source`, `Mounts\[0\]\.Name`}
	written.deploy, written.expected, written.differs, written.written = moved.deploy, moved.expected, moved.differs, true
	for name, c := range map[string]matrixCase{"whose tag stays": stays, "whose tag has moved": moved, "of a container that was written to": written} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := c.restore(t)
			for _, difference := range r.differences {
				t.Errorf("%+v", difference)
			}
		})
	}
}

// holds says that the image of that name is mounted.
func holds(image string) func(*testing.T, *restored) {
	return func(t *testing.T, r *restored) {
		t.Helper()
		if out := r.scope.Docker("cp", r.name+":/assets/unique", "-"); !strings.Contains(out, strings.TrimSuffix(r.scope.Name(""), "-")+image) {
			t.Errorf("the mounted image is another one: %q", out)
		}
	}
}

func TestMountedImageStaysAsLongAsTheSnapshot(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	s.Needs("1.48")
	assets := s.Image("assets")
	kept := s.Docker("image", "inspect", "--format", "{{.Id}}", assets)
	name := s.Name("api")
	id := s.Run(name, "--mount", "type=image,source="+assets+",target=/assets", s.Image("good", `ENTRYPOINT ["/app"]`))
	e, ctx := s.Engine(), t.Context()
	spec := keep(t, s, id, false)
	s.Docker("rm", "--force", name)
	s.Docker("rmi", assets)
	if has, err := e.HasImage(ctx, kept); err != nil || !has {
		t.Errorf("while the snapshot is there: %v, %v", has, err)
	}
	if finding, err := e.Check(ctx, name, spec); err != nil || len(finding.Problems) > 0 {
		t.Errorf("preflight: %q, %v", finding.Problems, err)
	}
	testkit.OK(t, e.Untag(ctx, spec.ImageRef))
	if has, err := e.HasImage(ctx, kept); err != nil || has {
		t.Errorf("when the snapshot is gone: %v, %v", has, err)
	}
	finding, err := e.Check(ctx, name, spec)
	if want := "the image mounted at /assets is gone: somebody removed or pruned it"; err != nil || !slices.Contains(finding.Problems, want) {
		t.Errorf("preflight: %q, %v", finding.Problems, err)
	}
}

// A name that moved before anybody looked tells nothing.
func TestMountedImageThatNobodySawIsSaidToBeWhatItIsNow(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	s.Needs("1.48")
	assets := s.Image("assets")
	name := s.Name("api")
	id := s.Run(name, "--mount", "type=image,source="+assets+",target=/assets", s.Image("good", `ENTRYPOINT ["/app"]`))
	s.Docker("tag", s.Image("newer"), assets)
	spec := keep(t, s, id, false)
	spec.Replaces = id
	finding, err := s.Engine().Check(t.Context(), name, spec)
	if want := "/assets holds what image " + assets + " is now"; err != nil || !slices.Equal(finding.Losses, []string{want}) {
		t.Errorf("losses %q, %v", finding.Losses, err)
	}
}
