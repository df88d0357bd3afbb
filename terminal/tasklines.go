package terminal

import (
	"context"
	"errors"
	"slices"
	"time"
)

// The log of a service is that of each of its tasks, of which one may write a thousand times as much as another. Here they are one, in the
// order of their times, and only as far back as all of them were read.

// ErrEnough is returned of a line after which no more of that container or task is wanted.
var ErrEnough = errors.New("enough lines")

// pastLines keeps the newest lines of each task of a service; those of a container are as of one task.
type pastLines struct {
	tail int // that were asked for of each; 0: all
	most int // that are kept of each
	of   map[string]*taskPast
}

type taskPast struct {
	read   int       // messages of the engine
	oldest time.Time // of what was read
	newest time.Time
	kept   []shownLine // at most twice as many as are wanted
}

// newestLines reads what there is of a log, as far back as o says. Of that, it keeps the newest lines that are wanted.
func (s *Service) newestLines(ctx context.Context, id string, o LogOptions, most int, wanted func(LogLine) bool) (*pastLines, error) {
	p := &pastLines{tail: o.Tail, most: most, of: map[string]*taskPast{}}
	o.Once = true
	return p, s.cfg.Engine.Logs(ctx, id, o, func(l LogLine) error {
		p.add(l, wanted(l))
		return nil
	})
}

func (p *pastLines) add(l LogLine, wanted bool) {
	t := p.of[l.Task]
	if t == nil {
		t = &taskPast{oldest: l.At}
		p.of[l.Task] = t
	}
	t.read += max(1, l.Parts)
	t.newest = l.At
	if !wanted {
		return
	}
	if t.kept = append(t.kept, shown(l)); len(t.kept) == 2*p.most {
		t.kept = append(t.kept[:0], t.kept[p.most:]...)
	}
}

// lines are the newest, oldest first. Whole says that nothing before what was read is missing.
func (p *pastLines) lines() (list []shownLine, whole bool) {
	var since time.Time // all of them were read
	var each [][]shownLine
	whole = true
	for _, t := range p.of {
		if p.tail > 0 && t.read >= p.tail {
			whole = false
			since = later(since, t.oldest)
		}
		each = append(each, t.kept)
	}
	list = inOrder(each)
	if len(each) > 1 {
		list = slices.DeleteFunc(list, func(l shownLine) bool { return l.At.Before(since) })
	}
	return list[max(0, len(list)-p.most):], whole
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// inOrder makes one log of several. The lines of one stay as they are.
func inOrder(logs [][]shownLine) []shownLine {
	if len(logs) == 1 {
		return logs[0]
	}
	list := slices.Concat(logs...)
	slices.SortStableFunc(list, func(a, b shownLine) int { return a.At.Compare(b.At) })
	return list
}
