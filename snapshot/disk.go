package snapshot

import "errors"

var (
	// ErrDiskFull says that no image may be written, because the engine's disk is too full.
	ErrDiskFull = errors.New("the engine's disk is too full for another snapshot")
	// ErrDiskUnseen says that nobody here can tell how full it is, as with an engine on another host.
	ErrDiskUnseen = errors.New("the engine's disk can't be seen from here")
)

// DiskUse is how full an engine's disk is.
type DiskUse struct {
	Engine string  // its ID
	Host   string  // its host's name
	Folder string  // through which the disk was seen
	Share  float64 // in use, from 0 to 1
	Bytes  int64   // all that there are; 0: unknown
}
