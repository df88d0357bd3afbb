package snapshot

import "fmt"

// What may be done with the contents of a volume.
const (
	CheckingVolume  = "checking"  // its archive is read, to see whether it is whole
	ArchivingVolume = "archiving" // its contents are written into an archive
	FillingVolume   = "filling"   // its contents are replaced by those of an archive
)

// Progress is how far something is with the contents of a container's volumes. It is in the memory of the bot that does it: no other bot
// knows it, nor does this one after a restart until it goes on.
type Progress struct {
	Doing  string `json:"doing"`                 // checking, archiving or filling
	Volume int    `json:"volume"`                // which of them it is at, from 1
	Of     int    `json:"of"`                    // how many there are
	Path   string `json:"path"`                  // where the container has it
	Bytes  int64  `json:"bytes"`                 // of the archive, which is compressed: what has been read or written of it
	Total  int64  `json:"total_bytes,omitempty"` // what the whole archive has; 0: nobody knows, since it is being written
}

// String is such as "filling volume 2 of 3, /data: 412.0 MB of 1.2 GB".
func (p Progress) String() string {
	s := fmt.Sprintf("%s volume %d of %d, %s: %s", p.Doing, p.Volume, p.Of, p.Path, Bytes(p.Bytes))
	if p.Total == 0 {
		return s + " so far"
	}
	return s + " of " + Bytes(p.Total)
}

// Bytes is a size in a decimal unit, such as "1.2 GB".
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
