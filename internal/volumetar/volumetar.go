// Package volumetar turns a folder into a stream and back, with all that a file system of Linux keeps of files: owners,
// modes with the special bits, times to the nanosecond, extended attributes and with them ACLs and capabilities, symbolic
// and hard links, holes, devices and pipes. It runs inside a helper container, which has the volume at hand: see Run.
//
// The stream is a tar in PAX format, compressed with zstd. Holes are written in a way of our own, since Go's tar writer
// has none: the record SNAPBACK.sparse lists what is data, and the body has only that.
//
// What it does not carry: sockets, attributes of chattr, access and birth times, and quotas.
package volumetar

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Command is the hidden subcommand under which a program runs Run.
const Command = "volume-helper"

// Mount is where the helper container has the volume.
const Mount = "/v"

// Report is what Pack saw, and what Run writes to stderr as JSON when it is done.
type Report struct {
	Entries int64    `json:"entries"`
	Bytes   int64    `json:"bytes"`          // of data; holes don't count
	Left    []string `json:"left,omitempty"` // what could not be carried, in words; at most maxLeft
	More    int64    `json:"more,omitempty"` // how much else could not
	File    bool     `json:"file,omitempty"` // it is no folder, so nothing was written
}

const maxLeft = 10

func (r *Report) leave(why string) {
	if len(r.Left) < maxLeft {
		r.Left = append(r.Left, why)
		return
	}
	r.More++
}

// Run is the helper: "pack" writes the folder to stdout, "unpack" empties the folder and fills it from stdin. Both end
// with a Report on stderr; an error is for the caller to print.
func Run(args []string, root string, stdin io.Reader, stdout, stderr io.Writer) error {
	var report Report
	var err error
	switch {
	case len(args) == 1 && args[0] == "pack":
		report, err = Pack(stdout, root)
	case len(args) == 1 && args[0] == "unpack":
		report, err = Replace(stdin, root)
	default:
		err = errors.New("want pack or unpack")
	}
	if err != nil {
		return err
	}
	doc, err := json.Marshal(report)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stderr, "%s\n", doc)
	return err
}
