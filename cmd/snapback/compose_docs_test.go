package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
)

// lineOf is the one line of a page of docs that begins with a text, but for its indentation.
func lineOf(t *testing.T, page, begins string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", page))
	testkit.OK(t, err)
	var found []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, begins) {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		t.Fatalf("docs/%s has %d lines that begin with %q, want 1", page, len(found), begins)
	}
	return found[0]
}

// measured looks whether a bot in a container is scraped at a port of this machine.
func measured(t *testing.T, port int) {
	t.Helper()
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
	testkit.OK(t, err)
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(text), "snapback_build_info{") {
		t.Errorf("its metrics: %d %v\n%s", resp.StatusCode, err, text)
	}
}

// restoresAsTheDocsSay makes the first restore of docs/install.md, on a terminal, with a deploy where the reader's own stands. It calls the API
// by the page's line as well.
func (d *deployed) restoresAsTheDocsSay(phone *http.Client) {
	d.t.Helper()
	api := d.Name("api")
	labels := []string{"--label", "snapback.service=api", "--label", "snapback.slack.channel=C0ALERTS"}
	d.Run(api, append(labels, "--env", "DB_POOL=20", d.version(1))...)
	before, after, ok := strings.Cut(blockOf(d.t, "install.md", "## Commands"), "(cd /srv/shop && docker compose up -d api)    # or however you deploy\n")
	if !ok {
		d.t.Fatal("docs/install.md deploys nothing between a first snapshot and its restore")
	}
	d.pollUntil("the bot knows the container", func() bool {
		_, text := d.get(phone, "/containers", "Authorization", "Bearer "+apiToken)
		return strings.Contains(text, api)
	})
	if said := d.typed(before + "\nexport -p >env && declare -f snapback >>env\n"); !strings.Contains(said, api) {
		d.t.Errorf("it does not list %s:\n%s", api, said)
	}
	d.Docker("rm", "-f", api)
	d.Run(api, append(labels, "--env", "DB_POOL=2", d.version(2))...)
	d.pollUntil("the deploy is seen", func() bool {
		_, text := d.get(phone, "/deploys?container=api", "Authorization", "Bearer "+apiToken)
		return strings.Contains(text, ":1.42")
	})
	if said := d.typed(". ./env\n"+after, "y"); !strings.Contains(said, "is back on first") {
		d.t.Errorf("it says:\n%s", said)
	}
	if env := d.Docker("inspect", "--format", "{{.Config.Env}}", api); !strings.Contains(env, "DB_POOL=20") {
		d.t.Errorf("env is %s", env)
	}
	root := d.Docker("exec", d.project+"-caddy-1", "cat", "/data/caddy/pki/authorities/local/root.crt")
	testkit.OK(d.t, os.WriteFile(filepath.Join(d.dir, "root.crt"), []byte(root), 0o600))
	call := strings.Replace(lineOf(d.t, "install.md", "curl -H "), "snapback.example.com", fmt.Sprintf("localhost:%d", d.port), 1)
	if said := d.follow(". ./env && export CURL_CA_BUNDLE=root.crt && " + call); !strings.Contains(said, api) {
		d.t.Errorf("%s says:\n%s", call, said)
	}
}

// typed runs a script in the folder of compose.yaml, on a terminal.
func (d *deployed) typed(script string, answers ...string) string {
	d.t.Helper()
	testkit.OK(d.t, os.WriteFile(filepath.Join(d.dir, "typed"), []byte(script), 0o600))
	return typeInto(d.t, d.dir, fmt.Sprintf("COMPOSE_PROJECT_NAME=%s COMPOSE_FILE=%s bash -eu typed", d.project, d.files), answers...)
}

// isUpgraded does what docs/upgrade.md says before the new image is built, and makes one that differs from the old one by a label alone. It
// returns the IDs of both.
func (d *deployed) isUpgraded() (before, after string) {
	d.t.Helper()
	page, err := os.ReadFile("../../docs/upgrade.md")
	testkit.OK(d.t, err)
	_, keep, found := strings.Cut(string(page), "   `docker tag snapback:local ")
	keep, _, closed := strings.Cut(keep, "`")
	if !found || !closed {
		d.t.Fatal("docs/upgrade.md does not keep the old image")
	}
	before = d.Docker("image", "inspect", "--format", "{{.Id}}", d.image)
	d.follow(d.ownTags("docker tag snapback:local " + keep))
	made := d.Docker("create", d.image)
	after = d.Docker("commit", "--change", "LABEL snapback.test=newer", made, d.image)
	d.Docker("rm", "-v", made)
	d.t.Cleanup(func() {
		_, _ = d.Try("rmi", "-f", d.image+"-before")
		_, _ = d.Try("rmi", "-f", after)
	})
	return before, after
}

// ownTags has commands of the docs work on this test's image.
func (d *deployed) ownTags(script string) string {
	return strings.NewReplacer("snapback:local", d.image, "snapback:before", d.image+"-before").Replace(script)
}

// runs looks which image the bot runs.
func (d *deployed) runs(image string) {
	d.t.Helper()
	if got := d.Docker("inspect", "--format", "{{.Image}}", d.project+"-bot-1"); got != image {
		d.t.Errorf("the bot runs %s, want %s", got, image)
	}
}

// goesBack does what docs/upgrade.md says when the new image is no good.
func (d *deployed) goesBack() {
	d.t.Helper()
	d.follow(d.ownTags(lineOf(d.t, "upgrade.md", "docker tag snapback:before ")))
	d.pollUntil("the bot is healthy again", func() bool {
		_, err := d.Try("exec", d.project+"-bot-1", "snapback", "health")
		return err == nil
	})
}
