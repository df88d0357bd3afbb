package bot

import (
	"slices"

	"github.com/snapback/snapback/snapshot/restore"
)

// foremost says which of an incident's last restores its message is about, and of which others it has a line; all is as
// Restores.LastRestores has it. A later one that came to nothing does not hide what is in place, nor does one of another container.
func foremost(all []restore.Restore) (shown *restore.Restore, others []restore.Restore) {
	last := slices.DeleteFunc(slices.Clone(all), func(r restore.Restore) bool {
		return vain(r) && slices.ContainsFunc(all, func(o restore.Restore) bool { return o.Key == r.Key && o.ID > r.ID })
	})
	i := 0
	for _, is := range []func(restore.Restore) bool{
		func(r restore.Restore) bool { return !r.State.Final() },
		func(r restore.Restore) bool { return inPlace(&r) },
	} {
		if at := slices.IndexFunc(last, is); at >= 0 {
			i = at
			break
		}
	}
	if len(last) == 0 {
		return nil, nil
	}
	return &last[i], slices.Concat(last[:i], last[i+1:])
}

// vain says that a restore has left everything as it was.
func vain(r restore.Restore) bool { return r.State == restore.Refused || r.State == restore.Reverted }

// maxOthers is how many of an incident's other restores have a line; there rarely is more than one.
const maxOthers = 4

// otherRestores are a line for each.
func otherRestores(v View) (out []string) {
	for _, r := range v.Others[:min(len(v.Others), maxOthers)] {
		switch {
		case v.replaced(r.Key) && inPlace(&r): // the line of its hold says so
		case r.State.Final():
			out = append(out, lines(maxSection, outcome(v, r), undone(r), runsNow(v, r)))
		default:
			out = append(out, "⏳ *"+doing(r)+"*"+forWhom(r))
		}
	}
	return out
}
