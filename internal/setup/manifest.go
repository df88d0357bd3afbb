package setup

import (
	_ "embed"
	"net/url"
	"regexp"
	"strings"
)

//go:embed manifest.yaml
var manifest string

// exampleURL is what the manifest, and the README that shows it, call the bot.
const exampleURL = "https://snapback.example.com"

// Manifest describes the Slack app of the bot at publicURL, in YAML: https://docs.slack.dev/reference/app-manifest.
func Manifest(publicURL string) string { return strings.ReplaceAll(manifest, exampleURL, publicURL) }

// requestURL is a place in the manifest that names where Slack calls: a line, or a part of one.
var requestURL = regexp.MustCompile(`\n *url: https://\S+|(, )?request_url: https://[^ ,]+(, )?`)

// SocketManifest is the Manifest of a bot that Slack does not call: the bot connects to Slack.
func SocketManifest() string {
	return requestURL.ReplaceAllString(manifest, "") + "  socket_mode_enabled: true\n"
}

// ManifestLink opens Slack's page that makes an app, with that manifest in it.
func ManifestLink(manifest string) string {
	text := strings.ReplaceAll(url.QueryEscape(manifest), "+", "%20") // which everybody reads as a space
	return "https://api.slack.com/apps?new_app=1&manifest_yaml=" + text
}
