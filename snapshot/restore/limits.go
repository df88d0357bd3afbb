package restore

import "time"

// How long the engine may take for one act. The limits are wide: a restore that gives an act up for a slow disk has reverted what
// would have worked. What happens when one is over is said at hung. docs/limits.md has them all.
const (
	changeLimit  = 15 * time.Second // a name, a restart policy
	stopGrace    = 30 * time.Second // beyond what the container has for its stop: the engine kills it, and waits for that
	commitLimit  = 10 * time.Minute // a commit comes first
	verifyLimit  = 10 * time.Minute // the archives of volumes are read through
	joinedLimit  = 5 * time.Minute  // those that share a namespace are committed
	retireLimit  = 5 * time.Minute  // the old container is removed, if it would have removed itself
	removeLimit  = 20 * time.Second // a container that is in the way is removed; else it is set aside
	reclaimLimit = time.Minute      // the unfinished copy of one that removes itself is removed

	// goneLimit is how long the engine may take to remove an auto-remove container, which may have many files. Until then
	// no other container can have its name.
	goneLimit = 5 * time.Minute

	moveLimit = 6 * time.Hour // contents of volumes; a helper that is stuck is noticed long before that
)

// triesPause is for how long nothing is done before another try of what has failed, the first being try 0.
func triesPause(try int) time.Duration { return time.Duration(try) * time.Second }
