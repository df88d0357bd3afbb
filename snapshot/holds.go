package snapshot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// Holds answers for what is on hold. Store and Images are required.
type Holds struct {
	Store  HoldStore
	Images func(ctx context.Context, key string) (ImageFinder, error) // of the engine of a container
	Zone   *time.Location                                             // of the times in sentences; nil: UTC
	Now    func() time.Time                                           // when sentences are read; nil: time.Now
}

// HoldStore is where holds are kept.
type HoldStore interface {
	// Holds lists the holds on a container's deploys, newest first.
	Holds(ctx context.Context, key string) ([]Hold, error)
	// ToldHolds lists those of an incident, newest first, and the last one of a container also after somebody has released it while
	// its deploy ran again.
	ToldHolds(ctx context.Context, incident int64) ([]Hold, error)
	// AllHolds lists those of all containers, newest first.
	AllHolds(ctx context.Context) ([]Hold, error)
	// ReleaseHolds ends the holds on a container's deploys, with an entry for each, and returns them. It returns ErrNotHeld.
	ReleaseHolds(ctx context.Context, key string, by By) ([]Hold, error)
	// Record appends an entry.
	Record(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
}

// ImageFinder knows images by what people and tools write.
type ImageFinder interface {
	// FindImage looks an image up by its tag, its digest in a registry, or its ID. It returns ErrGone when the engine has no such
	// image.
	FindImage(ctx context.Context, ref string) (Image, error)
	// RegistryDigest asks the registry of a tag for the digest that it stands for now; "" when nobody says.
	RegistryDigest(ctx context.Context, ref string) string
}

// HeldError is an ErrHeld: a deploy is not to begin.
type HeldError struct {
	Hold   Hold
	Reason string // why, as a sentence without its end
	Advice string // what to do, as sentences
}

func (e *HeldError) Error() string { return e.Reason + ". " + e.Advice }

// Unwrap makes errors.Is(err, ErrHeld) hold.
func (e *HeldError) Unwrap() error { return ErrHeld }

// zone is never nil.
func (h Holds) zone() *time.Location {
	if h.Zone == nil {
		return time.UTC
	}
	return h.Zone
}

func (h Holds) now() time.Time {
	if h.Now == nil {
		return time.Now()
	}
	return h.Now()
}

// Of lists the holds on a container's deploys, newest first. It returns ErrNotHeld when there are none.
func (h Holds) Of(ctx context.Context, key string) ([]Hold, error) {
	list, err := h.Store.Holds(ctx, key)
	if err == nil && len(list) == 0 {
		err = ErrNotHeld
	}
	return list, err
}

// Told lists the holds that restores of an incident have put on, newest first, and the last one of a container also after somebody has
// released it while its deploy ran again: then what was restored still does not run.
func (h Holds) Told(ctx context.Context, incident int64) ([]Hold, error) {
	return h.Store.ToldHolds(ctx, incident)
}

// All lists those of all containers, newest first.
func (h Holds) All(ctx context.Context) ([]Hold, error) { return h.Store.AllHolds(ctx) }

// Sentence says what is held, since when, why and for how long.
func (h Holds) Sentence(held Hold) string { return held.Sentence(h.now(), h.zone()) }

// Release ends the holds on a container's deploys. It returns ErrNotHeld when there are none.
func (h Holds) Release(ctx context.Context, key string, by By) ([]Hold, error) {
	return h.Store.ReleaseHolds(ctx, key, by)
}

// Check returns a *HeldError when a deploy of the container is not to begin. deploying is the image that is to be deployed, by
// its tag, digest or ID; "": nobody says. What can't be told from a deploy on hold counts as that deploy.
func (h Holds) Check(ctx context.Context, c Container, deploying string) error {
	held, err := h.Store.Holds(ctx, c.Key)
	if err != nil {
		return err
	}
	for _, one := range held {
		if why := h.stops(ctx, c, one, deploying); why != "" {
			return &HeldError{Hold: one, Reason: h.Sentence(one), Advice: why}
		}
	}
	return nil
}

const orElse = " When it is to go out all the same: release the hold, or say override with a token that may restore."

// stops says what to do instead of deploying; "" when the deploy is another one than that on hold.
func (h Holds) stops(ctx context.Context, c Container, one Hold, deploying string) string {
	if deploying == "" {
		return "For a deploy of another image, say which one it is (deploying)." + orElse
	}
	switch h.is(ctx, c, one, deploying) {
	case isAnother:
		return ""
	case isTheSame:
		if !one.OfImage() {
			return deploying + " is the image that runs already, and with which settings it is to go out can't be told." + orElse
		}
		return deploying + " is the image that is on hold." + orElse
	}
	return fmt.Sprintf("Whether %s is the image that is on hold can't be told: the engine does not have it or does not answer, and no registry says. Pull it there first, or name it by its digest.", deploying) + orElse
}

// askFor is how long the engine and the registry may take. A pipeline waits for the answer, and none is one too.
const askFor = 15 * time.Second

// likeness is what is known of an image next to the one on hold.
type likeness int

const (
	isUnknown likeness = iota
	isTheSame
	isAnother
)

// is asks the engine for the image, and the registry for what its tag stands for now: a tag that the engine knows may have moved on.
func (h Holds) is(ctx context.Context, c Container, one Hold, ref string) likeness {
	if named := digestIn(ref); named != "" && (named == one.Image.ID || one.Image.bears(named)) {
		return isTheSame
	}
	if c.Elsewhere { // this bot asks another engine than the container's
		return isUnknown
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	images, err := h.Images(ctx, c.Key)
	if err != nil {
		return isUnknown
	}
	found, err := images.FindImage(ctx, ref)
	there := err == nil
	now := digestIn(ref)
	if now == "" && registered(ref, one, found) {
		now = images.RegistryDigest(ctx, ref)
	}
	switch {
	case now != "" && one.Image.bears(now):
		return isTheSame
	case there && (now == "" || found.ID == now || found.bears(now)):
		return likeOf(found.Same(one.Image))
	case now != "" && len(one.Image.Digests) > 0: // registries know both, and know them apart
		return isAnother
	}
	return isUnknown
}

func likeOf(same bool) likeness {
	if same {
		return isTheSame
	}
	return isAnother
}

// digestIn is the digest, or the image ID, that a reference ends with; "" for a tag.
func digestIn(ref string) string {
	if _, digest, ok := strings.Cut(ref, "@"); ok {
		return digest
	}
	if strings.HasPrefix(ref, "sha256:") {
		return ref
	}
	return ""
}

// registered says that a registry may be asked for a tag: the name is one of a registry of its own, or images of that name came
// from one. Otherwise the name may be another one's at the public registry.
func registered(ref string, held Hold, found Image) bool {
	host, _, slash := strings.Cut(ref, "/")
	if slash && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return true
	}
	return len(found.Digests) > 0 || len(held.Image.Digests) > 0 && repository(ref) == repository(held.Ref)
}

func repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if tag := tagOf(ref); tag != "" {
		ref = strings.TrimSuffix(ref, ":"+tag)
	}
	return ref
}

// Override notes that a deploy begins although there is a hold, because somebody said so.
func (h Holds) Override(ctx context.Context, c Container, held Hold, by By) error {
	e := held.entry(incidents.KindHoldOverridden, by.Actor, fmt.Sprintf("%s deploys %s although %s is on hold%s", by.Actor.Name, c.Name, held.What(), by.Because()))
	e.Source = by.Source
	_, err := h.Store.Record(ctx, e)
	return err
}
