package swarm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// A service keeps its ID through every deploy, and its version rises with every scaling and at every step of an update. So neither
// tells which deploy runs. A revision does: it is the hash of the service's ID and of its spec, without what scaling and restarting
// change. It takes the place that a container's ID has elsewhere, in its form: 64 hexadecimal digits.

// revision is that of a service's spec.
func revision(serviceID string, spec json.RawMessage) (string, error) {
	if len(spec) == 0 {
		return "", nil
	}
	value, err := decode(spec)
	if err != nil {
		return "", err
	}
	remove(value, "Mode", "Replicated", "Replicas")
	remove(value, "TaskTemplate", "ForceUpdate")
	canonical, err := json.Marshal(said(value)) // with sorted keys
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte(serviceID+"\n"), canonical...))
	return hex.EncodeToString(sum[:]), nil
}

// decode reads JSON without rounding its numbers.
func decode(raw json.RawMessage) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("reading what the manager says: %w", err)
	}
	return value, nil
}

// remove takes an attribute out of nested objects.
func remove(from any, path ...string) {
	object, ok := from.(map[string]any)
	switch {
	case !ok:
	case len(path) == 1:
		delete(object, path[0])
	default:
		remove(object[path[0]], path[1:]...)
	}
}

// said leaves out what says nothing: another release of the engine may leave it out, or put it in.
func said(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, one := range v {
			if one = said(one); one != nil {
				out[key] = one
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		if len(v) == 0 {
			return nil
		}
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = said(one)
		}
		return out
	case string, bool, json.Number:
		if v == "" || v == false || v == json.Number("0") {
			return nil
		}
	}
	return value
}

// seen is what a service was seen to be, so that it can be told what a deploy has replaced.
type seen struct {
	revision string
	spec     json.RawMessage
	stood    []snapshot.PlacedTask // its tasks when they were last seen running
	from     time.Time             // when it came
	good     time.Time             // since when all its tasks ran; zero: they did not
	until    time.Time             // when it was seen to have been replaced; zero: it was not
}

// keptRevisions is how many are remembered of a service.
const keptRevisions = 20

// remember notes what services are that are enabled, or were. Those that are gone are forgotten.
func (c *Cluster) remember(all []looked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := map[string][]seen{}
	for i, l := range all {
		list := slices.Clone(c.seen[l.ID])
		if !l.counted && len(list) == 0 {
			continue
		}
		last := len(list) - 1
		if last < 0 || list[last].revision != l.revision {
			if last >= 0 {
				list[last].until = l.came()
			}
			list = append(list, seen{revision: l.revision, spec: l.Spec, from: l.came()})
			list = list[max(0, len(list)-keptRevisions):]
			last = len(list) - 1
		}
		all[i].from = list[last].from
		if list[last].good = (time.Time{}); l.tasks.Well() {
			list[last].good = l.tasks.Since
		}
		if len(l.stood) > 0 {
			list[last].stood = l.stood
		}
		now[l.ID] = list
	}
	c.seen = now
}

// past is the latest that is known of a former revision of a service.
func (c *Cluster) past(v view, id string) (seen, bool) {
	c.mu.Lock()
	list := slices.Clone(c.seen[v.ID])
	c.mu.Unlock()
	for _, s := range slices.Backward(list) {
		if snapshot.SameOrShort(s.revision, id) {
			return s, true
		}
	}
	if was, err := revision(v.ID, v.PreviousSpec); err == nil && was != "" && snapshot.SameOrShort(was, id) {
		return seen{revision: was, spec: v.PreviousSpec, until: v.came()}, true
	}
	return seen{}, false
}
