package logtail

import (
	"maps"
	"time"
)

// clockGap is by how much the clocks of a Swarm's nodes may differ: so far before the newest line of a service, another task's new one may be.
const clockGap = time.Minute

// marks is up to where a log was read: of a service, of each task by itself, since a line of one says nothing of the others'.
type marks struct {
	newest time.Time            // of all lines
	tasks  map[string]time.Time // of the newest line of each; "": of a container
	before time.Time            // up to when there is nothing to read of those that are not in tasks
}

func newMarks(at time.Time) marks { return marks{at, map[string]time.Time{}, at} }

// since is from when on to read.
func (m *marks) since() time.Time {
	at := m.newest
	if _, plain := m.tasks[""]; !plain {
		at = later(m.before, at.Add(-clockGap))
	}
	return at.Add(1)
}

// has says that a line was read.
func (m *marks) has(task string, at time.Time) bool {
	read, known := m.tasks[task]
	if !known {
		read = m.before
	}
	return !at.After(read)
}

// note says that a line is read.
func (m *marks) note(task string, at time.Time) {
	if _, known := m.tasks[task]; !known && len(m.tasks) >= keptTasks {
		m.leave()
	}
	m.tasks[task], m.newest = later(m.tasks[task], at), later(m.newest, at)
}

// leave says that nothing is read any more of what is older than the newest line.
func (m *marks) leave() { *m = newMarks(m.newest) }

// clone is as it is now.
func (m *marks) clone() marks { return marks{m.newest, maps.Clone(m.tasks), m.before} }
