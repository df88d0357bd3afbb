package docker

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/docker/docker/api/types/registry"
)

// hub is how docker's settings call the public registry.
const hub = "https://index.docker.io/v1/"

// loginFor is what a registry is to be shown with a question about an image, as the engine's API wants it: the login that "docker login"
// has left in docker's own settings; "" when there is none. One that a credential helper keeps is not asked for: that is a program, which may
// hang, or ask somebody.
func loginFor(folder, ref string) string {
	text, err := os.ReadFile(filepath.Join(folder, "config.json"))
	if err != nil {
		return ""
	}
	var settings struct {
		Auths map[string]struct {
			Auth          string
			IdentityToken string
		}
	}
	if json.Unmarshal(text, &settings) != nil {
		return ""
	}
	at := registryOf(ref)
	kept, there := settings.Auths[at]
	if !there && at != hub {
		kept, there = settings.Auths["https://"+at]
	}
	login, ok := userAndPassword(kept.Auth)
	if login.IdentityToken = kept.IdentityToken; !there || !ok && login.IdentityToken == "" {
		return ""
	}
	login.ServerAddress = at
	encoded, err := registry.EncodeAuthConfig(login)
	if err != nil {
		return ""
	}
	return encoded
}

func userAndPassword(kept string) (login registry.AuthConfig, ok bool) {
	text, err := base64.StdEncoding.DecodeString(kept)
	if err != nil || !utf8.Valid(text) {
		return login, false
	}
	login.Username, login.Password, ok = strings.Cut(strings.TrimRight(string(text), "\x00"), ":")
	return login, ok
}

// registryOf is the registry that a reference names by its first part, if that looks like a host.
func registryOf(ref string) string {
	host, _, slash := strings.Cut(ref, "/")
	if slash && (strings.ContainsAny(host, ".:") || host == "localhost") && host != "docker.io" && host != "index.docker.io" {
		return host
	}
	return hub
}
