package snapshot

import (
	"errors"
	"fmt"
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
	// ErrLostReport says that it was done, and that the engine has lost what came of it: a busy one waits two seconds for the last words of a
	// container that has ended. It can be done again.
	ErrLostReport = errors.New("the helper did not report")
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
