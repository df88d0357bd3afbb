package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The client puts IDs and names into paths as they are, so nothing reaches it that is not of this grammar.
var (
	fullID        = regexp.MustCompile(`^[0-9a-f]{64}$`)
	containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$`)
	imageID       = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	ourRef        = regexp.MustCompile(`^snapback/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	objectName    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.:-]{0,254}$`)
	component     = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$`)
	imageName     = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.:/@-]{0,511}$`)
)

// askable keeps out what in a path would lead elsewhere.
func askable(image string) bool {
	return imageName.MatchString(image) && !strings.Contains(image, "..")
}

// errGrammar says what was not let through. The text itself is quoted, so that it can't forge a log line.
func errGrammar(what, text string) error { return fmt.Errorf("%q is no %s", text, what) }

// said is a name or path in a sentence. What could pass for something else there is quoted.
func said(text string) string {
	if quoted := strconv.Quote(text); len(quoted) != len(text)+2 || strings.TrimSpace(text) != text || text == "" {
		return quoted
	}
	return text
}

func checkID(id string) error {
	if !fullID.MatchString(id) {
		return errGrammar("container ID", id)
	}
	return nil
}

// checkName also keeps "." and ".." out: with them a path would name another thing.
func checkName(name string) error {
	if !containerName.MatchString(name) {
		return errGrammar("container name", name)
	}
	return nil
}

func checkImageID(id string) error {
	if !imageID.MatchString(id) {
		return errGrammar("image ID", id)
	}
	return nil
}

func checkRef(ref string) error {
	if !ourRef.MatchString(ref) {
		return errGrammar("image tag of ours", ref)
	}
	return nil
}

var illegal = regexp.MustCompile(`[^a-z0-9]+`)

// Ref is our tag for a snapshot's image: snapback/<container>:<snapshot>. Image names allow less than container names
// do; a container's name that can't be used as it is is made legal and gets a short hash of itself, so that two
// containers never share one.
func Ref(container, snapshot string) string {
	if component.MatchString(container) && len(container) <= 200 {
		return "snapback/" + container + ":" + snapshot
	}
	sum := sha256.Sum256([]byte(container))
	legal := strings.Trim(illegal.ReplaceAllString(strings.ToLower(container), "-"), "-")
	legal = strings.Trim(legal[:min(len(legal), 100)], "-")
	if legal == "" {
		legal = "c"
	}
	return "snapback/" + legal + "-" + hex.EncodeToString(sum[:4]) + ":" + snapshot
}
