package capture

import (
	"context"
	"io"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// VolumeEngine moves the contents of mounts. Id is a container that has the mount; it must be enabled at that moment.
type VolumeEngine interface {
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
	// Pause freezes the container's processes, and Start resumes them. What is paused, or does not run, stays so.
	Pause(ctx context.Context, id string) (paused bool, err error)
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string, timeout time.Duration) error
	Inspect(ctx context.Context, idOrName string) (snapshot.Inspection, error)
}

// Vault keeps archives and, beside them, how far a restore got with them. All of it is on this bot's disk, and what a
// method has done is on it when it returns. Set IDs are random.
type Vault interface {
	// Begin makes room for a set. What an earlier try left of it is removed.
	Begin(set string) (VaultDraft, error)
	// Manifest reads what a whole set was committed with. It returns ErrNoArchive.
	Manifest(set string) (snapshot.VolumeSet, error)
	// Present says without reading them whether all files of a set are there. It returns ErrNoArchive or ErrBadArchive.
	Present(s snapshot.VolumeSet) error
	// Verify reads all of an archive. It returns ErrNoArchive, or ErrBadArchive when a bit is not as it was written.
	Verify(ctx context.Context, set string, a snapshot.Archive) error
	// Open reads what was packed. Reading fails with ErrBadArchive rather than giving out what was changed.
	Open(set string, a snapshot.Archive) (io.ReadCloser, error)
	// Mark notes a step of a restore in a whole set; Marked asks for it.
	Mark(set, step string) error
	Marked(set, step string) (bool, error)
	// Sets lists whole and unfinished sets, with the time of their last change; Drop removes one. Missing is success.
	Sets() (map[string]time.Time, error)
	Drop(set string) error
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
