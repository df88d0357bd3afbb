package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// Errors about holds.
var (
	ErrHeld    = errors.New("the deploy is on hold")
	ErrNotHeld = errors.New("nothing is on hold")
)

// Image is what an engine knows of an image.
type Image struct {
	ID      string   // the engine's own
	Digests []string // by which registries know it, such as sha256:…, without their names
	Content string   // stands for all of it that a container gets, whenever and under which name it was built; "": not known
}

// Same says whether two images are the same to a container: the very same, or built anew from the same.
func (i Image) Same(o Image) bool {
	return i.ID != "" && i.ID == o.ID || i.Content != "" && i.Content == o.Content || slices.ContainsFunc(i.Digests, o.bears)
}

func (i Image) bears(digest string) bool { return slices.Contains(i.Digests, digest) }

// Hold is a deploy that a restore has rolled back, and that must not come back unseen. Document holds the environment, and must be
// shown to nobody. Times are UTC.
type Hold struct {
	ID        int64
	Key       string // whose
	Container string
	Restore   int64  // the one that rolled it back
	Snapshot  string // to which
	Incident  int64  // 0: none
	By        incidents.Actor
	Since     time.Time
	Until     time.Time // zero: until its incident is resolved
	Ref       string    // its image, as its deploy named it
	Image     Image
	Changes   []Change // what it had brought: from what was restored to it, secrets masked
	Document  json.RawMessage
	BackID    string    // the engine's ID of the container with which it came back; "": it has not
	BackAt    time.Time // when it did, the last time
	Released  bool      // somebody let it go; it is kept for what was said of it
}

// OfImage says that another image was rolled back. Otherwise it was the same one with other settings.
func (h Hold) OfImage() bool { return slices.ContainsFunc(h.Changes, Change.ImageDetail) }

// What names the deploy in a few words, such as "api 1.42", or "api with env DB_POOL: 20 → 2".
func (h Hold) What() string {
	if !h.OfImage() {
		return h.Container + " with " + OneLine(h.Changes, 2)
	}
	renamed := slices.ContainsFunc(h.Changes, func(c Change) bool { return c.Attribute == "image" })
	if tag := tagOf(h.Ref); tag != "" && renamed {
		return h.Container + " " + tag
	}
	return h.Container + " with image " + shortImage(h.Image.ID)
}

// tagOf is "" when the reference has none; a colon before a slash belongs to a registry's port.
func tagOf(ref string) string {
	i := strings.LastIndexByte(ref, ':')
	if i < 0 || strings.Contains(ref, "@") || strings.Contains(ref[i:], "/") {
		return ""
	}
	return ref[i+1:]
}

func shortImage(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}

// Sentence says what is held, since when, why and for how long; it has no end. It is read at now, in zone.
func (h Hold) Sentence(now time.Time, zone *time.Location) string {
	s := fmt.Sprintf("%s is on hold since %s, when it was rolled back to %s", h.What(), incidents.Clock(h.Since, now, zone), h.Snapshot)
	if h.By.Name != "" {
		s += " by " + h.By.Name
	}
	return s + ", until " + h.ends(zone)
}

func (h Hold) ends(zone *time.Location) string {
	if h.Until.IsZero() {
		return "the incident is resolved or somebody releases it"
	}
	return h.Until.In(zone).Format("Jan 2 15:04 MST") + " or until somebody releases it"
}

// Returned is what a deploy has brought back of a hold.
type Returned struct {
	Hold  Hold
	Whole bool     // the deploy itself: its image, or where settings alone were rolled back, all of them
	Back  []Change // what is back of what was rolled back
	Other []Change // with Whole: what else differs, from the deploy on hold to this one
}

// FromImage are attributes that come with an image: those of another one mean nothing.
var fromImage = []string{"version", "revision", "built"}

// Returns says what of a hold a container has again; differs is all that differs from the deploy on hold to it. ok is false when
// it has nothing of what was rolled back.
func (h Hold) Returns(differs []Change) (r Returned, ok bool) {
	r.Hold = h
	image := h.OfImage() && !slices.ContainsFunc(differs, Change.ImageDetail)
	for _, c := range h.Changes {
		ofImage := c.Attribute == "image" || c.ImageDetail()
		switch {
		case ofImage && image:
			r.Back = append(r.Back, c)
		case ofImage, !image && slices.Contains(fromImage, c.Attribute):
		case !slices.ContainsFunc(differs, func(d Change) bool { return d.Attribute == c.Attribute }):
			r.Back = append(r.Back, c)
		}
	}
	r.Whole = image || !h.OfImage() && len(r.Back) == len(h.Changes)
	if r.Whole {
		r.Other = differs
	}
	return r, len(r.Back) > 0
}

// Sentence says what is back, for people; zone is theirs. The container of that name runs the image since then.
func (r Returned) Sentence(name, image string, since time.Time, zone *time.Location) string {
	at := incidents.Clock(r.Hold.Since, since, zone)
	if !r.Whole {
		return fmt.Sprintf("%s was deployed as %s, with a part of what was rolled back at %s: %s", name, image, at, OneLine(r.Back, 3))
	}
	s := fmt.Sprintf("%s is back: the deploy that was rolled back at %s", r.Hold.What(), at)
	if len(r.Other) > 0 {
		return s + "; different now: " + OneLine(r.Other, 3)
	}
	return s + " (" + OneLine(r.Back, 3) + ")"
}

// OnEntry says that the hold is on.
func (h Hold) OnEntry() incidents.Entry {
	return h.entry(incidents.KindHoldOn, incidents.Self(), fmt.Sprintf("On hold: %s, which was rolled back to %s, until %s", h.What(), h.Snapshot, h.ends(time.UTC)))
}

// EndedEntry says that a restore or an undo has brought the deploy back on purpose.
func (h Hold) EndedEntry() incidents.Entry {
	return h.entry(incidents.KindHoldReleased, incidents.Self(), h.What()+" is no longer on hold: it was brought back on purpose")
}

// ReleasedEntry says who has released it.
func (h Hold) ReleasedEntry(by By) incidents.Entry {
	e := h.entry(incidents.KindHoldReleased, by.Actor, fmt.Sprintf("%s released the hold on %s%s", by.Actor.Name, h.What(), by.Because()))
	e.Source = by.Source
	return e
}

// holdDetails is what an entry about a hold carries.
type holdDetails struct {
	Container string   `json:"container"`
	Restore   int64    `json:"restore_id"`
	Snapshot  string   `json:"snapshot"`
	Image     string   `json:"image"`
	ImageID   string   `json:"image_id"`
	Digests   []string `json:"digests,omitempty"`
	Changes   []Change `json:"changes"`
	Hold      HoldRef  `json:"hold"`
}

// HoldRef is what is needed to act on a hold.
type HoldRef struct {
	Key      string `json:"key"`
	Snapshot string `json:"snapshot"` // what to restore once more
	What     string `json:"what"`
}

// RefersTo is the hold as entries carry it.
func (h Hold) RefersTo() HoldRef { return HoldRef{h.Key, h.Snapshot, h.What()} }

func (h Hold) entry(kind incidents.Kind, actor incidents.Actor, summary string) incidents.Entry {
	details, _ := incidents.Details(holdDetails{ // plain structs: always encodable
		h.Container, h.Restore, h.Snapshot, h.Ref, h.Image.ID, h.Image.Digests, h.Changes, h.RefersTo(),
	})
	return incidents.Entry{
		IncidentID: h.Incident, OccurredAt: time.Now(), Kind: kind, Actor: actor, Summary: summary, Details: details,
		Source: incidents.Source{System: "snapback", NativeID: fmt.Sprintf("hold/%d", h.Restore)},
	}
}
