package snapshot_test

import (
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
)

func change(attribute, before, after string) snapshot.Change {
	return snapshot.Change{Attribute: attribute, Before: before, After: after}
}

var (
	imageName = change("image", "shop:1.41", "shop:1.42")
	imageID   = change("image ID", "41", "42")
	pool      = change("env DB_POOL", "20", "2")
	secret    = snapshot.Change{Attribute: "env API_KEY", Masked: true}
	version   = change("version", "1.41", "1.42")
)

func TestWhatIsBackOfAHold(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 3, 46, 0, 0, time.UTC)
	ofImage, ofSettings := []snapshot.Change{imageName, pool, secret, version, imageID}, []snapshot.Change{pool, secret}
	for name, test := range map[string]struct {
		held, differs []snapshot.Change
		ref, want     string // "": nothing is back
	}{
		"all of it":               {ofImage, nil, "shop:1.42", "api 1.42 is back: the deploy that was rolled back at 03:46 (image: shop:1.41 → shop:1.42, env DB_POOL: 20 → 2, env API_KEY: changed, 1 more)"},
		"the image, retagged":     {ofImage, []snapshot.Change{change("image", "shop:1.42", "shop:1.44")}, "shop:1.42", "api 1.42 is back: the deploy that was rolled back at 03:46; different now: image: shop:1.42 → shop:1.44"},
		"a variable, with a fix":  {ofImage, []snapshot.Change{change("image", "shop:1.42", "shop:1.43"), change("image ID", "42", "43"), {Attribute: "env API_KEY", Masked: true}}, "shop:1.42", "api was deployed as shop:1.43, with a part of what was rolled back at 03:46: env DB_POOL: 20 → 2"},
		"a fix":                   {ofImage, []snapshot.Change{change("image ID", "42", "43"), pool, {Attribute: "env API_KEY", Masked: true}}, "shop:1.42", ""},
		"settings, another image": {ofSettings, []snapshot.Change{change("image ID", "42", "43")}, "shop:1.42", "api with env DB_POOL: 20 → 2, env API_KEY: changed is back: the deploy that was rolled back at 03:46; different now: image ID: 42 → 43"},
		"one of two settings":     {ofSettings, []snapshot.Change{secret}, "shop:1.42", "api was deployed as shop:1.43, with a part of what was rolled back at 03:46: env DB_POOL: 20 → 2"},
		"an image by digest":      {[]snapshot.Change{imageName, imageID}, nil, "shop@sha256:0123", "api with image 0123456789ab is back: the deploy that was rolled back at 03:46 (image: shop:1.41 → shop:1.42)"},
		"another one, same name":  {[]snapshot.Change{imageID}, nil, "shop:latest", "api with image 0123456789ab is back: the deploy that was rolled back at 03:46 (image ID: 41 → 42)"},
	} {
		h := snapshot.Hold{Container: "api", Ref: test.ref, Image: snapshot.Image{ID: "sha256:0123456789abcdef"}, Since: at, Changes: test.held}
		r, back := h.Returns(test.differs)
		got := ""
		if back {
			got = r.Sentence("api", "shop:1.43", at.Add(time.Hour), time.UTC)
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestSentencesOfAHoldNameItsDayOnAnother(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 2*60*60)
	held := snapshot.Hold{Container: "api", Ref: "shop:1.42", Snapshot: "pre-deploy-2255", Since: time.Date(2026, 3, 1, 22, 30, 0, 0, time.UTC), Changes: []snapshot.Change{imageName, imageID}}
	for after, want := range map[time.Duration]string{time.Hour: "00:30", 23 * time.Hour: "00:30", 24 * time.Hour: "Mar 2 00:30", 50 * time.Hour: "Mar 2 00:30"} {
		now := held.Since.Add(after)
		said := snapshot.Holds{Zone: zone, Now: func() time.Time { return now }}.Sentence(held)
		if !strings.HasPrefix(said, "api 1.42 is on hold since "+want+", when it was rolled back") {
			t.Errorf("after %s: %q", after, said)
		}
		r := snapshot.Returned{Hold: held, Whole: true, Back: held.Changes}
		if said := r.Sentence("api", "shop:1.42", now, zone); !strings.HasPrefix(said, "api 1.42 is back: the deploy that was rolled back at "+want+" (") {
			t.Errorf("after %s: %q", after, said)
		}
	}
}
