package docker

import (
	"encoding/json"

	"github.com/snapback/snapback/snapshot"
)

// AsBefore is the document of a container that a restore has renamed and disarmed, with the name and the restart policy
// that it had. Nothing else of it has been touched.
func (e *Engine) AsBefore(raw json.RawMessage, name string, policy snapshot.RestartPolicy) (json.RawMessage, error) {
	doc, err := toObject(raw)
	if err != nil {
		return nil, err
	}
	host := doc.member("HostConfig")
	host.set("RestartPolicy", policy)
	doc.set("Name", "/"+name)
	doc["HostConfig"] = host.raw()
	return doc.raw(), nil
}
