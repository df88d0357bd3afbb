package docker

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/snapback/snapback/snapshot"
)

// Labels that deploy tools put on their containers. Those of Kamal bear no prefix, so that others may use them as well.
const (
	composeProject = "com.docker.compose.project"
	composeService = "com.docker.compose.service"
	composeNumber  = "com.docker.compose.container-number"
	composeOneOff  = "com.docker.compose.oneoff"
	composeHash    = "com.docker.compose.config-hash" // of all that the service's members have in common

	kamalService     = "service"
	kamalRole        = "role"
	kamalDestination = "destination"

	coolifyManaged     = "coolify.managed"
	coolifyApplication = "coolify.applicationId"

	dokkuApp  = "com.dokku.app-name"
	dokkuDyno = "com.dokku.dyno"
)

// Key is a container's identity as its labels and its name tell it. It outlives every deploy, and is never the engine's ID of
// the container, which changes with each. The first of these that holds is it:
//
//	snapback.identity               engine/identity/<it>, and /<number> from the second of several Compose members on
//	Coolify, new names each time    engine/coolify/<application>/<the name without what changes>
//	Compose                         engine/compose/<project>/<service>/<number>
//	Dokku                           engine/name/<app>.<dyno>, which is what Dokku calls it when all is done
//	Kamal                           engine/kamal/<service>/<role>, and /<destination> when there is one
//	none of these                   engine/name/<name>
func Key(engineID, name string, labels map[string]string) string {
	for _, told := range []func(string, map[string]string) (string, bool){byIdentity, byCoolify, byCompose, byDokku, byKamal} {
		if key, ok := told(name, labels); ok {
			return engineID + "/" + key
		}
	}
	return engineID + "/name/" + name
}

// formerKey is what Key said before it knew more than names and Compose's labels. Databases from then have it.
func formerKey(engineID, name string, labels map[string]string) string {
	if key, ok := byCompose(name, labels); ok {
		return engineID + "/" + key
	}
	return engineID + "/name/" + name
}

// FormerKey reads an inspect document: the container, and the key that it had before deploy tools' labels were read. That is its
// Key where they say nothing new.
func (e *Engine) FormerKey(document json.RawMessage) (former string, c snapshot.Container, err error) {
	d, err := parse(document)
	if err != nil {
		return "", c, err
	}
	d.only = e.only
	e.mu.Lock()
	defer e.mu.Unlock()
	return formerKey(e.name, d.Name, d.Config.Labels), d.container(e.name), nil
}

// lineage is what the seats of a service share: its key without the member's number. It is "" for what is known by its name
// alone.
func lineage(key string) string {
	parts := strings.Split(key, "/")
	if len(parts) < 3 || parts[1] == "name" {
		return ""
	}
	switch kind := parts[1]; {
	case kind == "compose" && len(parts) == 5:
		return strings.Join(parts[:4], "/")
	case kind == "identity":
		return strings.Join(parts[:3], "/")
	}
	return key
}

// oneOff says that Compose has run it for one command. It is nobody's successor, and nothing to come back to.
func oneOff(labels map[string]string) bool { return strings.EqualFold(labels[composeOneOff], "true") }

func byIdentity(_ string, labels map[string]string) (string, bool) {
	identity := snapshot.ParseIdentity(labels)
	if identity == "" || oneOff(labels) {
		return "", false
	}
	if n := labels[composeNumber]; n != "" && n != "1" {
		return "identity/" + identity + "/" + n, true
	}
	return "identity/" + identity, true
}

func byCompose(_ string, labels map[string]string) (string, bool) {
	project, service := labels[composeProject], labels[composeService]
	if project == "" || service == "" || oneOff(labels) {
		return "", false
	}
	number := labels[composeNumber]
	if number == "" {
		number = "1"
	}
	return "compose/" + project + "/" + service + "/" + number, true
}

// coolifySuffix is what Coolify adds to the name, and to the Compose service, at each deploy: the time of day in digits, or
// in older versions random letters and digits.
var coolifySuffix = regexp.MustCompile(`^(.+)-([a-z0-9]{6,})$`)

// byCoolify holds only where the Compose service bears the suffix: elsewhere Compose's labels tell as much.
func byCoolify(name string, labels map[string]string) (string, bool) {
	application, service := labels[coolifyApplication], labels[composeService]
	if labels[coolifyManaged] != "true" || application == "" || service == "" || oneOff(labels) {
		return "", false
	}
	parts := coolifySuffix.FindStringSubmatch(service)
	if parts == nil || !strings.HasSuffix(name, "-"+parts[2]) {
		return "", false
	}
	if digits := strings.Trim(parts[2], "0123456789") == ""; !digits && parts[1] != labels[composeProject] {
		return "", false
	}
	return "coolify/" + application + "/" + parts[1], true
}

// byDokku: while a deploy is under way the new one is called <app>.<dyno>.upcoming-<number>, and after it the old one
// <app>.<dyno>.<seconds>.
func byDokku(name string, labels map[string]string) (string, bool) {
	app, dyno := labels[dokkuApp], labels[dokkuDyno]
	if app == "" || dyno == "" || name != app+"."+dyno && !strings.HasPrefix(name, app+"."+dyno+".") {
		return "", false
	}
	return "name/" + app + "." + dyno, true
}

// commit is how Kamal calls a version that nobody has named.
var commit = regexp.MustCompile(`^[0-9a-f]{40}`)

// byKamal: containers are called <service>-<role>-<version>, with the destination before the version when there is one. Kamal
// sets the label of the destination also when there is none; early versions did not, and are known by the commit in the name.
func byKamal(name string, labels map[string]string) (string, bool) {
	service, role := labels[kamalService], labels[kamalRole]
	destination, sets := labels[kamalDestination]
	if service == "" || role == "" || labels[composeProject] != "" {
		return "", false
	}
	key, prefix := "kamal/"+service+"/"+role, service+"-"+role+"-"
	if destination != "" {
		key, prefix = key+"/"+destination, prefix+destination+"-"
	}
	version, ok := strings.CutPrefix(name, prefix)
	return key, ok && version != "" && (sets || commit.MatchString(version))
}

// lineName is what people call containers whose names are new each time: what the names have in common; "" when there is no
// other name than each one's own.
func lineName(name string, labels map[string]string) string {
	if identity := snapshot.ParseIdentity(labels); identity != "" {
		return identity
	}
	if key, ok := byCoolify(name, labels); ok {
		return key[strings.LastIndex(key, "/")+1:]
	}
	if labels[composeProject] != "" {
		return ""
	}
	if key, ok := byDokku(name, labels); ok {
		return strings.TrimPrefix(key, "name/")
	}
	if key, ok := byKamal(name, labels); ok {
		return strings.ReplaceAll(strings.TrimPrefix(key, "kamal/"), "/", "-")
	}
	return ""
}
