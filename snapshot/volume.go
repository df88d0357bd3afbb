package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Errors of archives.
var (
	ErrNoArchive  = errors.New("the archive is not in this bot's data folder")
	ErrNoFolder   = errors.New("it is a single file")
	ErrBadArchive = errors.New("the archive is damaged: it is not what was written")
	// ErrUnsafeMount says that a mount leads where nothing is to be read or replaced; nothing was.
	ErrUnsafeMount = errors.New("its contents are left alone, since it")
)

// Mount is what a container has at a path, as far as it can be archived.
type Mount struct {
	Path   string `json:"path"`   // where the container has it
	Type   string `json:"type"`   // volume or bind
	Source string `json:"source"` // the volume's name, or the folder on the engine's host
}

// Consistency is how still an archive's files were while they were read.
type Consistency string

// The consistencies of archives.
const (
	Stopped         Consistency = "stopped" // the container did not run
	Frozen          Consistency = "paused"  // it was paused from the first file to the last
	CrashConsistent Consistency = "crash-consistent"
)

// Words is the consistency for people.
func (c Consistency) Words() string {
	switch c {
	case Stopped:
		return "the container did not run while they were read"
	case Frozen:
		return "the container was paused while they were read"
	}
	return "crash-consistent: the container ran while they were read, so they are as after a power cut at best"
}

// Archive is the contents of one mount.
type Archive struct {
	Mount
	File    string   `json:"file"`
	Bytes   int64    `json:"bytes"`         // compressed and sealed
	SHA256  string   `json:"sha256"`        // of the sealed file
	Entries int64    `json:"entries"`       // files, folders and the like
	Content int64    `json:"content_bytes"` // data in them; holes don't count
	Left    []string `json:"left,omitempty"`
}

// VolumeSet is the contents of a container's mounts as they were together.
type VolumeSet struct {
	ID          string      `json:"id,omitempty"` // "" when nothing could be archived
	TakenAt     time.Time   `json:"taken_at"`
	Consistency Consistency `json:"consistency,omitempty"`
	Archives    []Archive   `json:"archives,omitempty"`
	Problem     string      `json:"problem,omitempty"` // why there are none although they were asked for
	Left        []string    `json:"left,omitempty"`    // mounts that are not in it, and why
}

// Paths lists where the container has what is archived.
func (s VolumeSet) Paths() []string {
	var out []string
	for _, a := range s.Archives {
		out = append(out, a.Path)
	}
	return out
}

// Mounts lists what is archived.
func (s VolumeSet) Mounts() []Mount {
	var out []Mount
	for _, a := range s.Archives {
		out = append(out, a.Mount)
	}
	return out
}

// Bytes is what the set takes of the disk.
func (s VolumeSet) Bytes() (n int64) {
	for _, a := range s.Archives {
		n += a.Bytes
	}
	return n
}

// Sentence says what a restore with these volumes means, for people. Zone is the one that they read.
func (s VolumeSet) Sentence(zone *time.Location) string {
	return fmt.Sprintf("%s as of %s (%s)", strings.Join(s.Paths(), ", "), s.TakenAt.In(zone).Format("Jan 2 15:04"), s.Consistency.Words())
}

// Packed is what the helper says of an archive that it has written.
type Packed struct {
	Entries int64
	Content int64
	Left    []string
}

// VolumeEngine moves the contents of mounts. Id is a container that has the mount; it must be enabled at that moment.
type VolumeEngine interface {
	// Mounts lists what a container has mounted, and why other mounts can't be archived. Paths nil: all its volumes.
	Mounts(ctx context.Context, id string, paths []string) (mounts []Mount, left []string, err error)
	// Users lists other running containers that have one of the mounts as well, or a part of it.
	Users(ctx context.Context, mounts []Mount, except ...string) ([]string, error)
	// ReadyToMove makes sure that contents can be moved later without anything that may fail for lack of preparation. It
	// returns ErrUnsafeMount when one of the mounts can't be.
	ReadyToMove(ctx context.Context, mounts ...Mount) error
	// Pack writes the contents to w. What is written after an error is no archive. It returns ErrNoFolder or ErrUnsafeMount.
	Pack(ctx context.Context, id string, m Mount, w io.Writer) (Packed, error)
	// Unpack replaces the contents by what Pack wrote. After an error they are neither, but for ErrUnsafeMount, with which
	// nothing was touched. Whoever else is unpacking into the same mount is ended first, so that what a dead bot left
	// running does no harm.
	Unpack(ctx context.Context, id string, m Mount, r io.Reader) error
	// Pause freezes the container's processes, and Start resumes them. What is paused, or does not run, stays so.
	Pause(ctx context.Context, id string) (paused bool, err error)
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string, timeout time.Duration) error
	Inspect(ctx context.Context, idOrName string) (Inspection, error)
}

// Vault keeps archives and, beside them, how far a restore got with them. All of it is on this bot's disk, and what a
// method has done is on it when it returns. Set IDs are random.
type Vault interface {
	// Begin makes room for a set. What an earlier try left of it is removed.
	Begin(set string) (VaultDraft, error)
	// Manifest reads what a whole set was committed with. It returns ErrNoArchive.
	Manifest(set string) (VolumeSet, error)
	// Present says without reading them whether all files of a set are there. It returns ErrNoArchive or ErrBadArchive.
	Present(s VolumeSet) error
	// Verify reads all of an archive. It returns ErrNoArchive, or ErrBadArchive when a bit is not as it was written.
	Verify(ctx context.Context, set string, a Archive) error
	// Open reads what was packed. Reading fails with ErrBadArchive rather than giving out what was changed.
	Open(set string, a Archive) (io.ReadCloser, error)
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
	Add(ctx context.Context, a *Archive, write func(io.Writer) error) error
	// Commit makes the set whole, with all its files or not at all.
	Commit(s VolumeSet) error
	// Discard removes what there is of a set that was not committed.
	Discard() error
}
