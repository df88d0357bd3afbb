package snapshot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// Deploys is where deploys are written down.
type Deploys interface {
	// AddDeployed writes a deploy, its entries and the new occupant of the identity, all or nothing, and the deploy once: it returns
	// false when the new container stands for the identity already.
	AddDeployed(ctx context.Context, d Deployed) (fresh bool, err error)
}

// Undone is a deploy that a restore has undone.
type Undone struct {
	Deploy
	By string    // the name of the snapshot that was restored
	At time.Time // when that was done
}

// DeployPage is a part of a list of deploys, newest first.
type DeployPage struct {
	Keys   []string  // of which containers; none: of none
	Since  time.Time // no older ones; zero: all
	Before time.Time // only what comes after this one in the list: the time of the last deploy that was read,
	ID     int64     // and its ID; both zero: from the newest on
	Limit  int
}

// Past is a deploy with what became of it.
type Past struct {
	Deploy
	RolledBack *Undone // the restore that has undone it; nil: none, or that was undone itself
}

// Deployed is a deploy with all that is written down together with it.
type Deployed struct {
	Deploy
	Occupant   Occupant        // the new container
	SnapshotID int64           // of the state from before; 0 when there was none to keep
	WouldUndo  []Change        // what restoring that would change back
	Entry      incidents.Entry // goes to every open incident of Services, or outside any
	Services   []string        // PagerDuty's service IDs
	Held       []int64         // the holds whose deploy it is
	Back       *Back           // what it has brought back of a hold that was not back before; nil: nothing
}

// Back is what a deploy has brought back of a hold. Its Entry stands for the deploy's own where it is told.
type Back struct {
	Returned
	Entry incidents.Entry
}

// OneLine says the first n changes, and how many more there are.
func OneLine(changes []Change, n int) string {
	var parts []string
	for _, c := range Brief(changes) {
		parts = append(parts, c.String())
	}
	if more := len(parts) - n; more > 0 {
		parts = append(parts[:n], fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", ")
}

// ID is the hold's; 0 when nothing has come back.
func (b *Back) ID() int64 {
	if b == nil {
		return 0
	}
	return b.Hold.ID
}
