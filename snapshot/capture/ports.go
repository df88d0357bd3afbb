package capture

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Engine is what a Taker asks of the engine.
type Engine interface {
	snapshot.Inspector
	Images
}

// Images keeps and forgets the state of a container's files.
type Images interface {
	// Written says whether anything was written to the container's own layer since it was created.
	Written(ctx context.Context, id string) (bool, error)
	// Tag puts our tag on an image that is there. It returns ErrGone when it is not.
	Tag(ctx context.Context, imageID, ref string) error
	// Commit makes an image of the container's own layer under our tag, and returns the image's ID and the layer's size.
	Commit(ctx context.Context, id, ref string, pause bool) (imageID string, bytes int64, err error)
	// TagMounted tags the images that a document's container has mounted, for as long as our tag ref is not taken away.
	TagMounted(ctx context.Context, document json.RawMessage, ref string) error
	// Untag removes our tag, and the image with it if nothing else needs it. Missing is success.
	Untag(ctx context.Context, ref string) error
}

// Store is where a Taker writes snapshots down.
type Store interface {
	// Snapshot reads one of a container's by name. It returns ErrUnknownSnapshot.
	Snapshot(ctx context.Context, key, name string) (snapshot.Snapshot, error)
	// BeginTag notes that the tag of one is about to be put on the engine, until AddSnapshot has written it, or Untagged.
	BeginTag(ctx context.Context, s snapshot.Snapshot) error
	// AddSnapshot writes one with its timeline entry. It returns ErrNameTaken.
	AddSnapshot(ctx context.Context, s snapshot.Snapshot, by snapshot.By) (snapshot.Snapshot, error)
	// RemoveSnapshot forgets one, with its timeline entry, but for its tag: see Untagged. It returns ErrUnknownSnapshot, and ErrInUse
	// while a restore from it runs.
	RemoveSnapshot(ctx context.Context, id int64, by snapshot.By) error
	// Untagged notes that the engine does not have the tag any more of one that is not kept.
	Untagged(ctx context.Context, key, ref string) error
}

// Audit writes timeline entries. Nothing is done to the engine that could not be written down first.
type Audit interface {
	Record(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
}

// OnceAudit writes timeline entries.
type OnceAudit interface {
	// RecordOnce appends e, unless there is an entry of that kind from that source already: it returns that one then.
	RecordOnce(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
}

// VolumeEngine moves the contents of mounts. Id is a container that has the mount; it must be enabled at that moment.
type VolumeEngine interface {
	snapshot.Inspector
	Contents
	Pauser
}

// Contents reads and replaces what is in a container's mounts.
type Contents interface {
	// Mounts lists what a container has mounted, and why other mounts can't be archived. Paths nil: all its volumes.
	Mounts(ctx context.Context, id string, paths []string) (mounts []snapshot.Mount, left []string, err error)
	// Users lists other running containers that have one of the mounts as well, or a part of it.
	Users(ctx context.Context, mounts []snapshot.Mount, except ...string) ([]string, error)
	// ReadyToMove makes sure that contents can be moved later without anything that may fail for lack of preparation. It
	// returns ErrUnsafeMount when one of the mounts can't be.
	ReadyToMove(ctx context.Context, mounts ...snapshot.Mount) error
	// Pack writes the contents to w. What is written after an error is no archive. It returns ErrNoFolder or ErrUnsafeMount.
	Pack(ctx context.Context, id string, m snapshot.Mount, w io.Writer) (snapshot.Packed, error)
	// Unpack replaces the contents by what Pack wrote. After an error they are neither, but for ErrUnsafeMount, with which
	// nothing was touched. Whoever else is unpacking into the same mount is ended first, so that what a dead bot left
	// running does no harm.
	Unpack(ctx context.Context, id string, m snapshot.Mount, r io.Reader) error
}

// Pauser freezes a container for the time of an archive.
type Pauser interface {
	// Pause freezes the container's processes. What is paused, or does not run, stays so. After an error it may be frozen, now or in a moment.
	Pause(ctx context.Context, id string) (paused bool, err error)
	// Resume has it run on if it is paused. What does not run stays so.
	Resume(ctx context.Context, id string) error
}

// Vault keeps archives and, beside them, how far a restore got with them. All of it is on this bot's disk, and what a
// method has done is on it when it returns. Set IDs are random.
type Vault interface {
	Archives
	Sets
	Marks
	FrozenNotes
}

// Archives are what a vault holds of each set.
type Archives interface {
	// Begin makes room for a set. What an earlier try left of it is removed.
	Begin(set string) (VaultDraft, error)
	// Manifest reads what a whole set was committed with. It returns ErrNoArchive.
	Manifest(set string) (snapshot.VolumeSet, error)
	// Present says without reading them whether all files of a set are there. It returns ErrNoArchive or ErrBadArchive.
	Present(s snapshot.VolumeSet) error
	// Verify reads all of an archive, and writes what it has read of the file to read, which does not fail. It returns ErrNoArchive, or
	// ErrBadArchive when a bit is not as it was written.
	Verify(ctx context.Context, set string, a snapshot.Archive, read io.Writer) error
	// Open reads what was packed. Reading fails with ErrBadArchive rather than giving out what was changed.
	Open(set string, a snapshot.Archive) (io.ReadCloser, error)
}

// Sets are all that a vault holds.
type Sets interface {
	// Sets lists whole and unfinished sets, with the time of their last change; Drop removes one. Missing is success.
	Sets() (map[string]time.Time, error)
	Drop(set string) error
}

// Marks are the steps of restores.
type Marks interface {
	// Mark notes a step of a restore in a whole set; Marked asks for it.
	Mark(set, step string) error
	Marked(set, step string) (bool, error)
}

// FrozenNotes remember containers that are paused, so that a bot that dies does not leave them so.
type FrozenNotes interface {
	// NoteFrozen remembers a container that is about to be paused, until ForgetFrozen; FrozenOnes lists them.
	NoteFrozen(id string) error
	ForgetFrozen(id string) error
	FrozenOnes() ([]string, error)
}

// VaultDraft is a set that is not whole yet.
type VaultDraft interface {
	// Add seals what write writes, and fills in the archive's file, size and checksum. It returns ErrDiskFull.
	Add(ctx context.Context, a *snapshot.Archive, write func(io.Writer) error) error
	// Commit makes the set whole, with all its files or not at all.
	Commit(s snapshot.VolumeSet) error
	// Discard removes what there is of a set that was not committed.
	Discard() error
}
