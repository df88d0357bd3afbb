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
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Command is the hidden subcommand under which a program runs Run.
const Command = "volume-helper"

// Where a helper container has the volume, and where the host's root, of which never both.
const (
	Mount     = "/v"
	HostMount = "/host"
)

// Report is what was seen, and what Run writes to stderr as JSON when it is done.
type Report struct {
	Entries int64    `json:"entries"`
	Bytes   int64    `json:"bytes"`          // of data; holes don't count
	Left    []string `json:"left,omitempty"` // what could not be carried, in words; at most maxLeft
	More    int64    `json:"more,omitempty"` // how much else could not
	File    bool     `json:"file,omitempty"` // it is no folder, so nothing was written

	Place   *Place `json:"place,omitempty"`   // what Find has found
	Refused string `json:"refused,omitempty"` // why nothing was done: the folder is not to be touched
}

const maxLeft = 10

func (r *Report) leave(why string) {
	if len(r.Left) < maxLeft {
		r.Left = append(r.Left, why)
		return
	}
	r.More++
}

// Helper is what runs inside a container.
type Helper struct {
	Root string               // where the folder is; zero: Mount
	Host string               // where the host's root is, for "find"; zero: HostMount
	Sync func(*os.File) error // has the file system of an open folder write everything down; zero: syncfs
}

// Run does one thing: "find QUESTION" says which folder of the host is meant, "pack [PLACE]" writes the folder to stdout,
// "unpack [PLACE]" empties it and fills it from stdin. The latter two refuse another folder than that of PLACE. All end
// with a Report on stderr, before which line breaks are signs of life; an error is for the caller to print.
func (h Helper) Run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	did := &progress{}
	stop := did.show(stderr)
	report, err := h.run(args, stdin, stdout, did)
	stop()
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

func (h Helper) run(args []string, stdin io.Reader, stdout io.Writer, did *progress) (Report, error) {
	var act, about string
	switch len(args) {
	case 1:
		act = args[0]
	case 2:
		act, about = args[0], args[1]
	}
	root := cmp.Or(h.Root, Mount)
	switch act {
	case "find":
		var q Question
		if err := json.Unmarshal([]byte(about), &q); err != nil {
			return Report{}, fmt.Errorf("reading the question: %w", err)
		}
		return Find(cmp.Or(h.Host, HostMount), q)
	case "pack":
		if why, err := check(root, about); err != nil || why != "" {
			return Report{Refused: why}, err
		}
		return pack(stdout, root, did)
	case "unpack":
		if why, err := check(root, about); err != nil || why != "" {
			return Report{Refused: why}, err
		}
		sync := h.Sync
		if sync == nil {
			sync = syncfs
		}
		return replace(stdin, root, sync, did)
	}
	return Report{}, errors.New("want find, pack or unpack")
}
