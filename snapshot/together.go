package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// together is how long after the one before it a deploy of the same project may begin that is still taken for a part of the same deploy.
// Compose and docker stack deploy change one after the other, and Compose may wait in between until one is healthy. Neither leaves
// a mark by which what it changes in one go could be told.
const together = time.Minute

// OneByOne splits deploys of one project on one engine into what people take for one deploy each, such as all that a docker stack deploy
// or a docker compose up has changed: each begins at most a minute after the one before it, and no container is among them
// twice. They come in the order in which they began.
func OneByOne(deploys []Deploy) [][]Deploy {
	deploys = slices.SortedFunc(slices.Values(deploys), func(a, b Deploy) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	var out [][]Deploy
	for _, d := range deploys {
		last := len(out) - 1
		if last < 0 || !follows(out[last], d) {
			out = append(out, nil)
			last++
		}
		out[last] = append(out[last], d)
	}
	return out
}

func follows(one []Deploy, d Deploy) bool {
	again := slices.ContainsFunc(one, func(o Deploy) bool { return o.Key == d.Key })
	return !again && d.At.Sub(one[len(one)-1].At) <= together
}

// Names says names in a few words: the first three, and how many more there are.
func Names(names []string) string {
	const said = 3
	if more := len(names) - said; more > 0 {
		return strings.Join(names[:said], ", ") + fmt.Sprintf(" and %d more", more)
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}
