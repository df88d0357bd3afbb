package docker

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/snapshot"
)

// Compare lists what a restored container has otherwise than the document of its snapshot says. A difference without
// Expected is one that there should not be. Both documents are Inspect's.
func (e *Engine) Compare(want json.RawMessage, spec snapshot.Spec, got json.RawMessage) ([]snapshot.Difference, error) {
	wantAll, w, err := normalise(want)
	if err != nil {
		return nil, err
	}
	gotAll, g, err := normalise(got)
	if err != nil {
		return nil, err
	}
	inPlace, err := placed(want, spec.Place)
	if err != nil {
		return nil, err
	}
	there, _, err := normalise(inPlace)
	if err != nil {
		return nil, err
	}
	reasons := expectations{spec: spec, want: w, got: g, place: there}
	secrets := mask.Secrets(slices.Concat(w.Config.Env, g.Config.Env))
	var out []snapshot.Difference
	for _, name := range differing(wantAll, gotAll) {
		kind, of, _ := strings.Cut(name, " ")
		if (kind == "network-id" || kind == "network-mac") && (wantAll[name] == "" || gotAll[name] == "") {
			continue // one of the two has not been started; the networks themselves are compared by name
		}
		if kind == "mounted-image" && (wantAll[name] == "" || gotAll[name] == "") {
			continue // nobody saw which image it was
		}
		if kind == "network-mac" && (w.askedMAC(of) == "" || !e.lately(endpointMACs)) {
			continue // it was drawn, and is drawn again
		}
		out = append(out, snapshot.Difference{
			Attribute: readable(name),
			Want:      shown(name, wantAll[name], secrets), Got: shown(name, gotAll[name], secrets),
			Expected: reasons.expected(name, gotAll[name]),
		})
	}
	return out, nil
}

// differing lists the attributes that are not the same in both, sorted.
func differing(a, b attributes) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool {
		before, was := a[name]
		after, is := b[name]
		return was == is && before == after
	})
}

// shown is a value as people may see it.
func shown(name, value string, secrets []string) string {
	kind, key, _ := strings.Cut(name, " ")
	if (kind == "env" || kind == "label") && secret(kind, key, value) {
		return mask.Hidden
	}
	return withoutSecrets(name, value, secrets)
}

// secret leaves well-known labels alone: image IDs and revisions look random, and are public.
func secret(kind, key, value string) bool {
	public := kind == "label" && (strings.HasPrefix(key, "org.opencontainers.image.") || strings.HasPrefix(key, "com.docker.compose."))
	return !public && mask.Secret(key, value)
}

// expectations knows why a restored container may differ in an attribute.
type expectations struct {
	spec      snapshot.Spec
	want, got document
	place     attributes // what the document has in the replaced one's place
}

// expected is the reason for a difference; "" when there is none that would excuse it.
func (j expectations) expected(name, got string) string {
	kind, key, _ := strings.Cut(name, " ")
	switch {
	case j.spec.Place.Name != "" && (name == "name" || kind == "label" || kind == "network") && got == j.place[name]:
		return "it has the place of the one that it replaced, by which its tool finds it"
	case kind == "mount-option" && j.byImageID(key):
		return "the name of the mounted image means another image now"
	case name == "image" && got == j.spec.ImageID:
		return "files had been written in the container: the restored one is made from an image that holds them"
	case name == "image name" && (got == j.spec.ImageRef || got == j.spec.ImageID):
		return "the image's own name means another image now, or none: what updates it by its name can't pull ours"
	case kind == "port" && got != "" && got == bindingsText(j.want.ports()[key]):
		return "the port that the engine had drawn is kept"
	case name == "HostConfig.VolumesFrom" && got == "" && len(j.want.inherited()) > 0:
		return "the other container no longer gives the same: what came from it is mounted by name"
	case kind == "mount", kind == "mount-mode", kind == "mount-option":
		return j.expectedMount(kind, key)
	case j.spec.Plain && (name == "HostConfig.AutoRemove" || name == "HostConfig.RestartPolicy"):
		return "it is a copy that must not go away by itself"
	case kind == "network-id":
		return "the network was made anew since"
	}
	return ""
}

// byImageID says that an image is mounted by its ID, and is the one that was mounted by its name.
func (j expectations) byImageID(at string) bool {
	id := j.want.Snapback.MountedImages[at]
	return id != "" && j.got.imageMounts()[at] == id
}

// expectedMount excuses what comes of mounting an anonymous volume by its name, or of its being gone.
func (j expectations) expectedMount(kind, at string) string {
	same := func(m mountPoint) bool { return path.Clean(m.Destination) == at }
	unstated := j.want.unstated()
	i, k := slices.IndexFunc(unstated, same), slices.IndexFunc(j.got.Mounts, same)
	if i < 0 || k < 0 {
		return ""
	}
	before, now := unstated[i], j.got.Mounts[k]
	switch {
	case before.RW != now.RW || before.Type != now.Type:
		return ""
	case before.Name == now.Name && before.Source == now.Source && kind != "mount":
		return "it is mounted by its name, so that its contents stay"
	case before.Name != now.Name && before.Type == "volume":
		return "the anonymous volume was gone"
	}
	return ""
}

// readable is an attribute's name for people.
func readable(name string) string {
	if plain, ok := plainNames[name]; ok {
		return plain
	}
	switch kind, of, _ := strings.Cut(name, " "); kind { // not "network id": that could be a network named "id …"
	case "network-id":
		return "network id " + of
	case "mounted-image":
		return "mounted image " + of
	case "network-mac":
		return "MAC address on network " + of
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "HostConfig."), "Config.")
	return name
}
