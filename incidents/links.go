package incidents

import (
	"encoding/json"
	"fmt"
	"net/url"
)

// LinkOf leads whoever reads a timeline from an entry that has no link of its own, such as the engine's, to what the HTTP API
// under base tells of it. That wants a token, as the whole API does.
func LinkOf(base string, e Entry) string {
	var about struct {
		Restore   int64  `json:"restore_id"`
		Container string `json:"container"`
		Snapshot  string `json:"snapshot"`
	}
	_ = json.Unmarshal(e.Details, &about) // details without these members are about nothing in particular
	shelf := "/containers/" + url.PathEscape(about.Container) + "/snapshots"
	meaning, _ := e.Kind.Meaning()
	switch {
	case about.Restore != 0:
		return fmt.Sprintf("%s/restores/%d", base, about.Restore)
	case about.Container != "" && about.Snapshot != "" && meaning.Links == ToSnapshot:
		return base + shelf + "/" + url.PathEscape(about.Snapshot)
	case about.Container != "" && meaning.Links != ToTimeline:
		return base + shelf
	case e.IncidentID != 0:
		return fmt.Sprintf("%s/incidents/%d/timeline", base, e.IncidentID)
	}
	return base + "/containers"
}
