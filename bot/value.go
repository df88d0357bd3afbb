package bot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/snapback/snapback/snapshot"
)

// The action IDs of what can be tapped, and the acts within the overflow menu.
const (
	actRestore     = "restore"
	actUndo        = "undo"
	actRelease     = "release" // ends the holds on a container's deploys
	actAcknowledge = "acknowledge"
	actResolve     = "resolve"
	actTerminal    = "terminal"
	actMore        = "more" // the overflow menu: its options' values say which act
	actPick        = "pick" // another snapshot: asks first, since a menu has no confirm dialog of its own
	actDetails     = "details"
	actLink        = "link" // opens a URL; nothing is left to do
)

// value is what a button carries: what exactly the person saw when they tapped. The short keys keep it within the 150
// characters of a menu's option.
type value struct {
	Act      string `json:"a,omitempty"` // in menus only
	Incident int64  `json:"i,omitempty"`
	Key      string `json:"k,omitempty"` // keyHash of the container's key
	Seen     string `json:"c,omitempty"` // the first 12 digits of the engine's ID
	Snapshot string `json:"s,omitempty"`
	Restore  int64  `json:"r,omitempty"`
	Volumes  bool   `json:"v,omitempty"` // with the contents of volumes
}

func (v value) String() string {
	doc, _ := json.Marshal(v) // a plain struct: always encodable
	return string(doc)
}

func parseValue(s string) (value, error) {
	var v value
	err := json.Unmarshal([]byte(s), &v)
	return v, err
}

func valueFor(incident int64, c snapshot.Container) value {
	return value{Incident: incident, Key: keyHash(c.Key), Seen: seen(c)}
}

// gone is the state of a container that is not there any more, although snapshots of it are kept.
const gone = "gone"

// seen is how the container that a person looks at is told from one that takes its place; "" when none is there.
func seen(c snapshot.Container) string {
	if c.State == gone {
		return ""
	}
	return shortID(c.ID)
}

// keyHash stands for a container's key, which may be too long for a menu.
func keyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:8])
}

func shortID(id string) string { return id[:min(len(id), 12)] }
